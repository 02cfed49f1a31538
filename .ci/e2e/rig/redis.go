package rig

import (
	"fmt"
	"io"
	"net"
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
	r.Process = Spawn(t, Command{Path: Need(t, "redis-server"), Dir: t.TempDir(), Args: append([]string{"--bind",
		"127.0.0.1", "--save", "", "--appendonly", "no", "--port", fmt.Sprint(r.Port), "--requirepass", r.Password}, options...)})
	r.WaitForPort(t, Loopback(r.Port))
	return r
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
