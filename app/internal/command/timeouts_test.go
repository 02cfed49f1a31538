package command_test

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
	"time"
)

// A client that sends a header one byte at a time is disconnected, on both ports.
func TestASlowHeaderIsCutOff(t *testing.T) {
	t.Parallel()
	s := start(t, prod)
	const header = "GET / HTTP/1.1\r\nHost: shop.test\r\nX-Slow: "
	plain := func() (net.Conn, error) { return net.Dial("tcp", s.http) }
	silent := func() (net.Conn, error) { return net.Dial("tcp", s.https) }
	onTLS := func() (net.Conn, error) {
		return tls.Dial("tcp", s.https, &tls.Config{ServerName: "shop.test", RootCAs: s.roots()})
	}
	var clients sync.WaitGroup // they wait at the same time
	for name, client := range map[string]struct {
		dial func() (net.Conn, error)
		says string
	}{"plain": {plain, header}, "tls": {onTLS, header}, "a handshake that never comes": {silent, ""}} {
		clients.Go(func() {
			conn, err := client.dial()
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
			begin := time.Now()
			fmt.Fprint(conn, client.says)
			conn.SetReadDeadline(begin.Add(headerTimeout + 5*time.Second))
			_, err = io.ReadAll(conn)
			if ne, ok := err.(net.Error); ok && ne.Timeout() {
				t.Errorf("%s: still connected after %s", name, time.Since(begin))
			}
		})
	}
	clients.Wait()
}
