//go:build !unix

package ports

import (
	"errors"
	"math"
	"net"
	"os"
)

// inherit returns an error: Windows passes no sockets by number.
func inherit(int) (net.Listener, net.PacketConn, error) {
	return nil, nil, errors.New("cannot be taken over on this system")
}

// stopListening does nothing: Windows has no accept that does not wait.
func stopListening(*net.TCPListener) []*os.File { return nil }

// DescriptorLimit returns more than there can be: Windows has no limit that this server could reach.
func DescriptorLimit() uint64 { return math.MaxUint64 }
