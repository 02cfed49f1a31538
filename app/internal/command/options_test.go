package command_test

import (
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// By default net/http answers OPTIONS * itself, for any host.
func TestOptionsForTheWholeServerPassesTheMiddleware(t *testing.T) {
	t.Parallel()
	s := start(t, prod)
	for host, want := range map[string]string{"evil.test": " 421 ", "shop.test": " 404 "} {
		conn, err := tls.Dial("tcp", s.https, &tls.Config{ServerName: "shop.test", RootCAs: s.client.Transport.(*http.Transport).TLSClientConfig.RootCAs})
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(conn, "OPTIONS * HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", host)
		answer, _ := io.ReadAll(conn)
		conn.Close()
		if !strings.Contains(string(answer), want) || !strings.Contains(string(answer), "Strict-Transport-Security") {
			t.Errorf("OPTIONS * for %s got\n%s\nwant%sof ours", host, answer, want)
		}
	}
}
