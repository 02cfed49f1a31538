package chaintest

import (
	"crypto/tls"
	"net"
	"os"
	"testing"
)

// Write writes a file that its owner alone can read.
func Write(t testing.TB, file string, data []byte) {
	t.Helper()
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// Read reads a file that must be there.
func Read(t testing.TB, file string) []byte {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// Serve listens until the test ends, and sends one byte to each client that completes a handshake. It returns its
// address.
func Serve(t testing.TB, config *tls.Config) (addr string) {
	t.Helper()
	ln, err := tls.Listen("tcp", "127.0.0.1:0", config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	go func() {
		for conn, err := ln.Accept(); err == nil; conn, err = ln.Accept() {
			go func(conn net.Conn) { conn.Write([]byte("!")); conn.Close() }(conn)
		}
	}()
	return ln.Addr().String()
}
