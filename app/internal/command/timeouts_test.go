package command_test

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
	"time"
)

// A client that sends a header one byte at a time is disconnected, on both ports.
func TestASlowHeaderIsCutOff(t *testing.T) {
	t.Parallel()
	s := start(t, prod)
	for name, dial := range map[string]func() (net.Conn, error){
		"plain": func() (net.Conn, error) { return net.Dial("tcp", s.http) },
		"tls": func() (net.Conn, error) {
			return tls.Dial("tcp", s.https, &tls.Config{ServerName: "shop.test", RootCAs: s.client.Transport.(*http.Transport).TLSClientConfig.RootCAs})
		},
		"a handshake that never comes": func() (net.Conn, error) { return net.Dial("tcp", s.https) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn, err := dial()
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			begin := time.Now()
			if name != "a handshake that never comes" {
				fmt.Fprint(conn, "GET / HTTP/1.1\r\nHost: shop.test\r\nX-Slow: ")
			}
			conn.SetReadDeadline(begin.Add(headerTimeout + 5*time.Second))
			_, err = io.ReadAll(conn)
			if ne, ok := err.(net.Error); ok && ne.Timeout() {
				t.Errorf("still connected after %s", time.Since(begin))
			}
		})
	}
}
