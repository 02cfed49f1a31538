package command_test

import (
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

func TestPROXYProtocolIsReportedOnce(t *testing.T) {
	t.Parallel()
	const (
		v1 = "PROXY TCP4 203.0.113.9 198.51.100.1 38792 443\r\n"
		v2 = "\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c\xcb\x00\x71\x09\xc6\x33\x64\x01\x97\x88\x01\xbb"
	)
	const msg = "PROXY protocol"
	for name, settings := range map[string]map[string]string{"production": prod, "development": {"ENV": "dev"}} {
		s := start(t, settings)
		for _, addr := range []string{s.https, s.http} {
			for _, header := range []string{v1, v2, "PROXY TCP6 2001:db8::1 2001:db8::2 1 2\r\n", "PROXY UNKNOWN\r\n"} {
				for range 2 {
					conn, err := net.Dial("tcp", addr)
					if err != nil {
						t.Fatal(err)
					}
					conn.SetDeadline(time.Now().Add(10 * time.Second))
					if name == "production" || header == v2 {
						// Balancers send header and request in one piece. net/http stops reading after the first empty
						// line.
						io.WriteString(conn, header+"\x16\x03\x01\x00\x05hello\r\n\r\n")
					} else {
						io.WriteString(bytewise{conn}, header)
						conn.(*net.TCPConn).CloseWrite()
					}
					io.Copy(io.Discard, conn)
					conn.Close()
				}
			}
		}
		for _, port := range []string{"HTTPS_ADDR", "HTTP_ADDR"} {
			for _, version := range []string{"1", "2"} {
				entry := s.logged("a connection began with a PROXY protocol header, which this server does not read",
					"port", port, "version", version)
				if fix := fmt.Sprint(entry["fix"]); entry["level"] != "WARN" || !strings.Contains(fix, "send-proxy") ||
					!strings.Contains(fix, "set PROXY_PROTOCOL=on and TRUSTED_PROXIES=127.0.0.1,") ||
					!strings.Contains(fix, "AWS Network Load Balancer") {
					t.Errorf("%s: the hint is %v, want HAProxy's and AWS's setting", name, entry)
				}
			}
		}
		if n := len(s.lines(msg)); n != 4 {
			t.Errorf("%s: %d hints, want one for each version on each port:\n%s", name, n, s.Log())
		}
		typed(t, s.https, "PUT /PROXY HTTP/1.1\r\nHost: x\r\n\r\n")
		host := pick(name == "production", "shop.test", "localhost")
		if resp, _ := s.do("GET", "https://"+host+"/", "", "X-Proxy", "PROXY TCP4 "); resp.StatusCode != 200 {
			t.Errorf("%s: got %d afterwards, want 200", name, resp.StatusCode)
		}
		if n := len(s.lines(msg)); n != 4 {
			t.Errorf("%s: an ordinary request is taken for a balancer's:\n%s", name, s.Log())
		}
	}
}

// With TLS_MODE=proxy, PROXY_PROTOCOL=on would be refused, so the hint does not propose it.
func TestPROXYHeaderHintFitsTheMode(t *testing.T) {
	t.Parallel()
	s := start(t, with(prod, "TLS_MODE", "proxy"))
	conn, err := net.Dial("tcp", s.http)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	io.WriteString(conn, "PROXY TCP4 203.0.113.9 198.51.100.1 38792 80\r\n\r\n")
	entry := s.logged("a connection began with a PROXY protocol header, which this server does not read", "port", "HTTP_ADDR")
	if fix := fmt.Sprint(entry["fix"]); !strings.HasPrefix(fix, "if that address is your balancer, stop it from sending the header: HAProxy") {
		t.Errorf("the fix is %q", fix)
	}
}
