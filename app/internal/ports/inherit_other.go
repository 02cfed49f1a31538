//go:build !unix

package ports

import (
	"errors"
	"net"
)

func inherit(int) (net.Listener, error) {
	return nil, errors.New("cannot be taken over on this system")
}
