package rig

import (
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
)

// Ports are given out below the range from which systems take the local ends of connections, so that none is lost
// between here and the program it is for. Each is given out once a run, from a random start: other runs have theirs.
const (
	firstPort = 20000
	lastPort  = 32000
)

var nextPort = struct {
	sync.Mutex
	n int
}{n: firstPort + rand.IntN(lastPort-firstPort)}

// Port is a free port of 127.0.0.1 (and ::1), on which nothing listens.
func Port(t testing.TB) int {
	t.Helper()
	nextPort.Lock()
	defer nextPort.Unlock()
	for range lastPort - firstPort {
		nextPort.n++
		if nextPort.n > lastPort {
			nextPort.n = firstPort
		}
		if free(nextPort.n) {
			return nextPort.n
		}
	}
	t.Fatal("no free port")
	return 0
}

func free(port int) bool {
	ln, err := net.Listen("tcp", fmt.Sprintf(":%d", port))
	if err != nil {
		return false
	}
	ln.Close()
	ln, err = net.Listen("tcp", Loopback(port))
	if err != nil {
		return false
	}
	ln.Close()
	return true
}

// Loopback is a port's address.
func Loopback(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }
