// Package kit is what handlers use in addition to gin: errors with a status (E, Status), input (Bind), streams,
// cookies, the probes, and the site as one value (Site). README.md shows each in use.
//
// It keeps no state and reads no settings. Handlers reach the running server through the interface Server, which
// app/internal/server implements. kit imports middleware and tlsconfig, and nothing under app/internal.
package kit
