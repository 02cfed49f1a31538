// Package peers tests the product beside the programs that it meets in real life: Nginx and Apache in front of it,
// and Chromium as its visitor. One that is missing is skipped, except in CI.
package peers

import (
	"net"
	"os"
	"testing"

	"example.com/turnkey/e2e/rig"
)

const shop = "shop.example.test"

func TestMain(m *testing.M) { rig.Main(m) }

// Helpers

// need finds a program of a Debian package.
func need(t *testing.T, program, pkg string) string {
	t.Helper()
	path, err := rig.Find(program)
	if err == nil {
		return path
	}
	if os.Getenv("CI") != "" {
		t.Fatalf("%s is missing; install the package %s", program, pkg)
	}
	t.Skipf("%s is missing; install the package %s to run this", program, pkg)
	return ""
}

// ownAddress is an address of this machine that is not a loopback one, so that it can be told from a proxy's.
// Packets between two of a machine's own addresses never leave it.
func ownAddress(t *testing.T) string {
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
	t.Skip("this machine has no address but loopback ones, from which a visitor could be told from the proxy")
	return ""
}
