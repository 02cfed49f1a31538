package storm

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/turnkey/e2e/rig"
)

// startRedis starts a real server with a password.
func startRedis(t *testing.T, password string) (*rig.Process, int) {
	t.Helper()
	port := rig.Port(t)
	return rig.SpawnRedis(t, port, "--requirepass", password), port
}

// redisReads returns how many GETs the server has answered.
func redisReads(t *testing.T, port int, password string) int {
	t.Helper()
	return redisCalls(t, port, password, "get")
}

// redisCalls returns how many times the server has answered a command.
func redisCalls(t *testing.T, port int, password, command string) (n int) {
	t.Helper()
	conn, err := net.Dial("tcp", rig.Loopback(port))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "AUTH %s\r\nINFO commandstats\r\nQUIT\r\n", password)
	stats, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(stats), "cmdstat_"+command+":calls=")
	fmt.Sscan(strings.SplitN(after, ",", 2)[0], &n)
	return n
}

// A container without a persistent disk keeps its certificates in Redis. Later the Redis server stops answering.
func TestCertificatesAreKeptInRedis(t *testing.T) {
	t.Parallel()
	const password = "hush-hush"
	store, port := startRedis(t, password)
	s := newScene(t, rig.PebbleOptions{Profiles: map[string]time.Duration{"default": time.Minute}}, rig.Env{
		"ACME_CACHE": fmt.Sprintf("redis://:%s@127.0.0.1:%d/0", password, port)})
	p := s.start()
	first := s.served(shop)
	rig.Eventually(t, patience, "the server to ask for changes", func() bool {
		return redisCalls(t, port, password, "zrangebyscore") > 0
	})
	time.Sleep(500 * time.Millisecond) // it compares what it serves
	// A handshake with an unknown name must not read the store.
	reads := redisReads(t, port, password)
	for i := range 50 {
		for _, protocols := range [][]string{{"h2"}, {"acme-tls/1"}} {
			rig.Handshake(rig.Loopback(s.https), &tls.Config{ServerName: fmt.Sprintf("x%d.example.test", i), InsecureSkipVerify: true, NextProtos: protocols})
		}
	}
	if got := redisReads(t, port, password); got != reads || reads == 0 {
		t.Errorf("the store was read %d times before 100 scans and %d after", reads, got)
	}
	p.Signal(t, syscall.SIGKILL)
	p.ExitCode(t, patience)
	p = s.start()
	if got := s.served(shop); !got.Equal(first) {
		t.Error("after a restart another certificate is served")
	}
	s.wantOrders(1)
	rig.Eventually(t, patience, "the server to have read all", func() bool { // it then asks the CA when to renew
		asked := 0
		for _, e := range s.pebble.Exchanges() {
			if strings.Contains(e.Path, "renewalInfo") {
				asked++
			}
		}
		return asked > 1
	})

	store.Signal(t, syscall.SIGSTOP)
	rig.Eventually(t, 2*time.Minute, "a renewal without the store", func() bool {
		leaf, err := s.leaf(shop)
		return err == nil && !leaf.Equal(first)
	})
	second := s.served(shop)
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

// A Redis server without free memory still answers reads. The site serves its certificate, as from a read-only disk.
func TestReadOnlyRedisStillServesTheCertificate(t *testing.T) {
	t.Parallel()
	const password = "hush-hush"
	_, port := startRedis(t, password)
	s := newScene(t, rig.PebbleOptions{Profiles: map[string]time.Duration{"default": 20 * time.Second}}, rig.Env{
		"ACME_CACHE": fmt.Sprintf("redis://:%s@127.0.0.1:%d/0", password, port)})
	p := s.start()
	leaf := s.served(shop)
	time.Sleep(500 * time.Millisecond) // it is stored
	p.Signal(t, syscall.SIGKILL)
	p.ExitCode(t, patience)
	ask := func(command string) {
		conn, err := net.Dial("tcp", rig.Loopback(port))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		fmt.Fprintf(conn, "AUTH %s\r\n%s\r\nQUIT\r\n", password, command)
		if answer, err := io.ReadAll(conn); err != nil || strings.Contains(string(answer), "-ERR") {
			t.Fatalf("%s: %s %v", command, answer, err)
		}
	}
	ask("CONFIG SET maxmemory 1")
	// The systemd unit runs check before each start. If check failed here, a site that can be served would stay down.
	if check := rig.Run(t, t.TempDir(), s.env, "check"); check.ExitCode != 0 || !strings.Contains(check.Stdout, "note: ACME_CACHE=") ||
		!strings.Contains(check.Stdout, "none is renewed before it can be written") {
		t.Errorf("check ended with %d:\n%s%s", check.ExitCode, check.Stdout, check.Stderr)
	}
	p = s.start()
	if got := s.served(shop); !got.Equal(leaf) {
		t.Error("another certificate is served")
	}
	s.errorLine(p, "nothing is ordered or renewed")
	time.Sleep(time.Until(leaf.NotAfter.Add(-5 * time.Second))) // it has been due for some time
	s.wantOrders(1)
	ask("CONFIG SET maxmemory 0")
	p.Signal(t, syscall.SIGHUP)
	s.served(shop, leaf)
	s.wantOrders(2)
	if strings.Contains(p.Stdout()+p.Stderr(), password) {
		t.Error("the password of the store is shown")
	}
}
