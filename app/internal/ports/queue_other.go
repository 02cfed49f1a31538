//go:build !unix

package ports

import (
	"net"
	"os"
)

// stopListening does nothing: Windows has no accept that does not wait.
func stopListening(*net.TCPListener) []*os.File { return nil }
