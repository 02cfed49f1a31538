package command_test

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
)

// raw sends bytes over TLS to the TLS port and returns the response.
func (s *site) raw(request string) *http.Response {
	s.t.Helper()
	conn, err := tls.Dial("tcp", s.https, &tls.Config{ServerName: "shop.test", RootCAs: s.roots(),
		NextProtos: []string{"http/1.1"}})
	if err != nil {
		s.t.Fatal(err)
	}
	return answered(s.t, conn, request)
}

func TestTargetWithoutAPathIsTheFirstPage(t *testing.T) {
	t.Parallel()
	s := start(t, prod, func(r *gin.Engine) {
		r.GET("/where", func(c *gin.Context) { c.String(200, "%s %s", c.Request.Host, c.Request.URL) })
	})
	for _, test := range []struct {
		target, host string
		status       int
		want         string // in the body
	}{
		{"https://shop.test", "shop.test", 200, "<html"},
		{"https://shop.test?a=b", "shop.test", 200, "<html"},
		{"https://shop.test/", "shop.test", 200, "<html"},
		{"http://shop.test", "shop.test", 200, "<html"}, // the scheme of the connection counts, not that of the target
		{"https://shop.test/where?a=b", "shop.test", 200, "shop.test https:///where?a=b"},
		{"https://me:pw@shop.test/where", "shop.test", 200, "shop.test https:///where"},
		{"https://SHOP.test:443", "shop.test", 200, "<html"},
		{"https://shop.test", "evil.test", 200, "<html"}, // the target wins (RFC 9112 §3.2.2)
		{"https://evil.test", "shop.test", 421, ""},
		{"https://evil.test/where", "shop.test", 421, ""},
		{"https:where", "shop.test", 404, ""},
		{"*", "shop.test", 404, ""},
	} {
		resp := s.raw("GET " + test.target + " HTTP/1.1\r\nHost: " + test.host + "\r\nConnection: close\r\n\r\n")
		body, _ := io.ReadAll(resp.Body)
		if resp.StatusCode != test.status || !strings.Contains(string(body), test.want) {
			t.Errorf("%s as %s got %d %s, want %d with %q", test.target, test.host, resp.StatusCode, body, test.status, test.want)
		}
	}
	if resp := s.raw("HEAD https://shop.test HTTP/1.1\r\nHost: shop.test\r\nConnection: close\r\n\r\n"); resp.StatusCode != 200 {
		t.Errorf("HEAD got %d, want 200", resp.StatusCode)
	}
	for _, request := range []string{"OPTIONS * HTTP/1.1\r\nHost: shop.test\r\n\r\n",
		"CONNECT shop.test:443 HTTP/1.1\r\nHost: shop.test:443\r\n\r\n"} {
		if resp := s.raw(request); resp.StatusCode < 400 || resp.StatusCode > 499 {
			t.Errorf("%q got %d, want a 4xx", request, resp.StatusCode)
		}
	}
	for target, want := range map[string]string{
		"http://shop.test": "https://shop.test/", "http://shop.test?a=b": "https://shop.test/?a=b",
		"http://shop.test/a?b":      "https://shop.test/a?b",
		"https://me:pw@shop.test/a": "https://shop.test/a",
	} {
		conn, err := net.Dial("tcp", s.http)
		if err != nil {
			t.Fatal(err)
		}
		if got := answered(t, conn, "GET "+target+" HTTP/1.1\r\nHost: evil.test\r\n\r\n").Header.Get("Location"); got != want {
			t.Errorf("%s on the plain port leads to %q, want %q", target, got, want)
		}
	}
	for _, entry := range s.lines("request") {
		// "https:where" and CONNECT have no path
		if path, _ := entry["path"].(string); path == "" && entry["status"] != 404.0 {
			t.Errorf("the access log has no path: %v", entry)
		}
	}
}

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
