package storm

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/turnkey/e2e/rig"
)

// startRedis is a real server with a password, on a port of its own.
func startRedis(t *testing.T, password string) (*rig.Process, int) {
	t.Helper()
	path, err := rig.Find("redis-server")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("redis-server is missing: apt-get install redis-server")
		}
		t.Skip("redis-server is missing: apt-get install redis-server")
	}
	port := rig.Port(t)
	p := rig.Spawn(t, rig.Command{Path: path, Dir: t.TempDir(), Args: []string{
		"--port", fmt.Sprint(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--requirepass", password}})
	p.WaitForPort(t, rig.Loopback(port))
	return p, port
}

// A container without a disk that lasts, and a Redis server that hangs when it matters.
func TestCertificatesInRedis(t *testing.T) {
	t.Parallel()
	const password = "hush-hush"
	store, port := startRedis(t, password)
	s := newScene(t, rig.PebbleOptions{Profiles: map[string]time.Duration{"default": 40 * time.Second}}, rig.Env{
		"ACME_CACHE": fmt.Sprintf("redis://:%s@127.0.0.1:%d/0", password, port)})
	p := s.start()
	first := s.served(shop)
	time.Sleep(500 * time.Millisecond)
	p.Signal(t, syscall.SIGKILL)
	p.ExitCode(t, patience)
	p = s.start()
	if got := s.served(shop); !got.Equal(first) {
		t.Error("after a restart another certificate is served")
	}
	s.wantOrders(1)

	store.Signal(t, syscall.SIGSTOP)
	second := s.served(shop, first)
	s.errorLine(p, "a restart now would lose it")
	store.Signal(t, syscall.SIGCONT)
	rig.Eventually(t, patience, "a line that it is kept", func() bool { return strings.Contains(p.Stdout(), "is kept in ACME_CACHE now") })
	p.Signal(t, syscall.SIGKILL)
	p.ExitCode(t, patience)
	p = s.start()
	if got := s.served(shop); !got.Equal(second) {
		t.Error("after another restart the renewal is lost")
	}
	s.wantOrders(2)
	if strings.Contains(p.Stdout()+p.Stderr()+rig.Run(t, t.TempDir(), s.env, "check").Stdout, password) {
		t.Error("the password of the store is shown")
	}
}
