//go:build !unix

package server

// descriptorLimit returns 0, for no limit: Windows has none that this server could reach.
func descriptorLimit() uint64 { return 0 }
