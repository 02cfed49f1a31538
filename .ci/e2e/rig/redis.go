package rig

import (
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strings"
	"testing"
)

// Redis is a real server on a free port, which keeps nothing after its end.
type Redis struct {
	*Process
	Port     int
	Password string
}

// StartRedis starts a server that asks for a password. Options are redis-server's.
func StartRedis(t testing.TB, options ...string) *Redis {
	t.Helper()
	r := &Redis{Port: Port(t), Password: "hush-hush"}
	r.Process = SpawnRedis(t, r.Port, append([]string{"--requirepass", r.Password}, options...)...)
	return r
}

// SpawnRedis starts a server that asks for nothing. Of options that come twice, redis-server takes the last.
func SpawnRedis(t testing.TB, port int, options ...string) *Process {
	t.Helper()
	p := Spawn(t, Command{Path: Need(t, "redis-server"), Dir: t.TempDir(), Args: append([]string{"--bind", "127.0.0.1",
		"--port", fmt.Sprint(port), "--save", "", "--appendonly", "no"}, options...)})
	p.WaitForPort(t, Loopback(port))
	return p
}

// RedisTLS returns the options of a server with TLS but for its port. root is a file with the root of its certificate.
func RedisTLS(t testing.TB) (options []string, root string) {
	t.Helper()
	ca, dir := NewCA(t, "store"), t.TempDir()
	cert, key, root := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"), filepath.Join(dir, "root.pem")
	ca.Issue(t, Leaf{Names: []string{"127.0.0.1"}}).Write(t, cert, key)
	Write(t, root, ca.RootPEM(), 0o644)
	return []string{"--tls-cert-file", cert, "--tls-key-file", key, "--tls-ca-cert-file", root, "--tls-auth-clients", "no"}, root
}

// URL is the server's address for ACME_CACHE.
func (r *Redis) URL() string { return fmt.Sprintf("redis://:%s@127.0.0.1:%d/0", r.Password, r.Port) }

// Ask sends a command, and returns the answer as it comes over the wire.
func (r *Redis) Ask(t testing.TB, command string) string {
	t.Helper()
	conn, err := net.Dial("tcp", Loopback(r.Port))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "AUTH %s\r\n%s\r\nQUIT\r\n", r.Password, command)
	answer, err := io.ReadAll(conn)
	if err != nil || strings.Contains(string(answer), "-ERR") {
		t.Fatalf("%s: %s %v", command, answer, err)
	}
	return string(answer)
}
