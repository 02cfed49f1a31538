package rig

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"testing"
)

// Ports are below the range that systems use for outgoing connections, so that no other program takes one before it is
// used. Each is returned once per run. The first one is random, since other runs may be active.
const (
	firstPort = 20000
	lastPort  = 32000
)

var nextPort = struct {
	sync.Mutex
	n int
}{n: firstPort + rand.IntN(lastPort-firstPort)}

// Port returns a port of 127.0.0.1 (and ::1) on which no program listens.
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

// Loopback returns the address of a port.
func Loopback(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }

// OwnAddress returns an address of this machine that is no loopback address, so that it differs from a proxy's. Packets
// between two of a machine's own addresses never leave it. Without one the test is skipped, and fails in CI.
func OwnAddress(t testing.TB) string {
	t.Helper()
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range addrs {
		if n, ok := a.(*net.IPNet); ok && n.IP.To4() != nil && n.IP.IsGlobalUnicast() {
			return n.IP.String()
		}
	}
	if os.Getenv("CI") != "" {
		t.Fatal("this machine has no address but loopback ones")
	}
	t.Skip("this machine has no address but loopback ones")
	return ""
}

// Loopbacks returns 127.0.0.1, and ::1 on a machine that has it.
func Loopbacks(t testing.TB) []string {
	t.Helper()
	ln, err := net.Listen("tcp", "[::1]:0")
	if err != nil {
		t.Log("without IPv6:", err)
		return []string{"127.0.0.1"}
	}
	ln.Close()
	return []string{"127.0.0.1", "::1"}
}
