// Package kit is what handlers use beside gin: errors with a status (E, Status), input (Bind), streams, cookies, the probes,
// and the site as one value (Site). README.md shows each in use.
package kit
