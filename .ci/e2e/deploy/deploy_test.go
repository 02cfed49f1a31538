// Package deploy runs the product under systemd's units, in a container and as in a pod of Kubernetes, with the files
// of scripts/deploy and the Dockerfile unchanged.
package deploy

import (
	"context"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"example.com/turnkey/e2e/rig"
)

func TestMain(m *testing.M) { rig.Main(m) }

const shop = "shop.example.test"

var root = filepath.Join("..", "..", "..")

func needRoot(t *testing.T) {
	t.Helper()
	if os.Getuid() != 0 {
		if os.Getenv("CI") != "" {
			t.Fatal("only root can run programs as another user")
		}
		t.Skip("only root can run programs as another user")
	}
}

// reachable is a directory that other users can enter.
func reachable(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// run runs a program of the system, which must succeed, and returns its standard output.
func run(t *testing.T, dir, program string, args ...string) string {
	t.Helper()
	path, err := rig.Find(program)
	if err != nil {
		t.Fatal(err)
	}
	got := rig.Spawn(t, rig.Command{Path: path, Args: args, Dir: dir, Env: os.Environ()}).Finish(t, 3*time.Minute)
	if got.ExitCode != 0 {
		t.Fatalf("%s %q: exit status %d\n%s%s", program, args, got.ExitCode, got.Stdout, got.Stderr)
	}
	return got.Stdout
}

// crowd requests pages from both ports, each time on a new connection, until end is called. Every request must be
// answered. end returns how many were.
func crowd(t *testing.T, roots *x509.CertPool, https, plain int) (end func() int64) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var visitors sync.WaitGroup
	var answered atomic.Int64
	for _, url := range []string{fmt.Sprintf("https://%s:%d/", shop, https), fmt.Sprintf("http://%s:%d/healthz", shop, plain)} {
		for range 2 {
			visitors.Go(func() {
				visitor := rig.Visitor(roots)
				visitor.Timeout = 30 * time.Second // a connection waits during a restart
				for ctx.Err() == nil {
					got, err := rig.Try(visitor, rig.Request{URL: url})
					if err != nil || got.StatusCode != http.StatusOK {
						t.Errorf("%s: a visitor was turned away: %v", url, err)
						return
					}
					answered.Add(1)
					time.Sleep(2 * time.Millisecond)
				}
			})
		}
	}
	return func() int64 {
		cancel()
		visitors.Wait()
		return answered.Load()
	}
}

// lowPort is a free port that only privileged users may open.
func lowPort(t *testing.T) int {
	t.Helper()
	for port := 600 + os.Getpid()%300; port < 1024; port++ {
		if ln, err := net.Listen("tcp", rig.Loopback(port)); err == nil {
			ln.Close()
			return port
		}
	}
	t.Fatal("no free port below 1024")
	return 0
}
