package ports

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"testing"

	"example.com/turnkey/middleware/host"
)

// The redirect of plain http repeats an allowed name and a number from Host, and nothing else.
func TestPlainRequestsAreSentToTheAllowedHostAlone(t *testing.T) {
	t.Parallel()
	plain, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ln := tls.NewListener(PlainOnTLS(plain, host.NewSet([]string{"shop.test", "::1"})), &tls.Config{})
	defer ln.Close()
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				if err := conn.(*tls.Conn).Handshake(); !errors.Is(err, ErrPlainAnswered) {
					t.Errorf("the handshake ended with %v", err)
				}
			}()
		}
	}()
	port := portNumber(plain)
	for from, want := range map[string]string{
		"shop.test":          fmt.Sprintf("https://shop.test:%d/a?b", port),
		"SHOP.test.:8443":    "https://shop.test:8443/a?b",
		"[::1]:8443":         "https://[::1]:8443/a?b",
		"[::1]":              fmt.Sprintf("https://[::1]:%d/a?b", port),
		"evil.test":          "",
		"[::1]:@evil.test":   "",
		"[::1]:8443@evil":    "",
		"[::1]:1/evil.test/": "",
		"shop.test:@evil":    "",
		"shop.test@evil":     "",
	} {
		conn, err := net.Dial("tcp", plain.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(conn, "GET /a?b HTTP/1.1\r\nHost: %s\r\n\r\n", from)
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatalf("%s: %v", from, err)
		}
		conn.Close()
		status := http.StatusMisdirectedRequest
		if want != "" {
			status = http.StatusTemporaryRedirect
		}
		if got := resp.Header.Get("Location"); resp.StatusCode != status || got != want {
			t.Errorf("Host %s got %d and is sent to %q, want %q", from, resp.StatusCode, got, want)
		}
	}
}
