package command

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"
)

// Somebody who sends a header a byte at a time keeps no connection, on either port.
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

func TestTimeoutsOnBothListeners(t *testing.T) {
	t.Parallel()
	srv := (&server{}).newServer(http.NotFoundHandler())
	if srv.ReadHeaderTimeout != 5*time.Second || srv.ReadTimeout != 30*time.Second || srv.WriteTimeout != 30*time.Second || srv.IdleTimeout != 120*time.Second || srv.MaxHeaderBytes != 64<<10 {
		t.Errorf("got %+v", srv)
	}
}

var ginsRun = regexp.MustCompile(`\b(r|router|engine)\.Run(TLS|Unix|Fd|QUIC|Listener)?\(`)

// gin's Run, RunTLS and their kin serve without timeouts, TLS settings or a way to stop.
func TestNobodyCallsGinsOwnRun(t *testing.T) {
	t.Parallel()
	seen := 0
	for _, room := range []string{".", "../../../middleware"} {
		files, err := filepath.Glob(filepath.Join(room, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			seen++
			if at := ginsRun.FindString(string(data)); at != "" {
				t.Errorf("%s calls %s…)", file, at)
			}
		}
	}
	if seen < 20 {
		t.Errorf("%d files seen", seen)
	}
}
