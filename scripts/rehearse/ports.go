package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
)

// The site's ports if they are free, so that its URL is the same each time.
const (
	httpsPort = 5443
	plainPort = 5080
	nextPorts = 10
)

// sitePort returns the requested port, which must be free, or else the first free port from usual on.
func sitePort(flag string, asked, usual int) (int, error) {
	if asked != 0 {
		if !free(asked) {
			return 0, fmt.Errorf("port %d is in use, or not for this user; choose another with -%s, or leave that out to get "+
				"the first that is free", asked, flag)
		}
		return asked, nil
	}
	for port := usual; port <= usual+nextPorts; port++ {
		if free(port) {
			return port, nil
		}
	}
	return 0, fmt.Errorf("ports %d to %d are all in use; choose another with -%s", usual, usual+nextPorts, flag)
}

// backstage returns a free port that users need not know. It is below the range from which systems take the local ports
// of connections, so that it is still free when its program opens it.
func backstage() (int, error) {
	for range 1000 {
		if port := 20000 + rand.IntN(12000); free(port) {
			return port, nil
		}
	}
	return 0, errors.New("no free port found on 127.0.0.1")
}

// free reports whether no program has a port open, on any address, for TCP or (DNS) UDP.
func free(port int) bool {
	for _, host := range []string{"", "127.0.0.1"} {
		addr := fmt.Sprintf("%s:%d", host, port)
		tcp, err := net.Listen("tcp", addr)
		if err != nil {
			return false
		}
		tcp.Close()
		udp, err := net.ListenPacket("udp", addr)
		if err != nil {
			return false
		}
		udp.Close()
	}
	return true
}

// loopback returns the address of a port on this machine alone.
func loopback(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }
