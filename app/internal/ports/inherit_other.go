//go:build !unix

package ports

import (
	"errors"
	"net"
)

// inherit returns an error: Windows passes no sockets by number.
func inherit(int) (net.Listener, net.PacketConn, error) {
	return nil, nil, errors.New("cannot be taken over on this system")
}
