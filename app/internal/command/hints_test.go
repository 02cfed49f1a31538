package command_test

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"example.com/turnkey/app/internal/testcert"
)

func answered(t *testing.T, conn net.Conn, request string) *http.Response {
	t.Helper()
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	io.WriteString(conn, request)
	method, _, _ := strings.Cut(request, " ")
	resp, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		t.Fatalf("%q got no answer: %v", request, err)
	}
	return resp
}

func TestNoHeaderBypassesClientCertificates(t *testing.T) {
	t.Parallel()
	authority := t.TempDir()
	testcert.Write(t, filepath.Join(authority, "certs"), "client.test")
	certs := filepath.Join(authority, "certs")
	reached := make(chan string, 100)
	s := start(t, with(prod, "TLS_CLIENT_CA_FILE", filepath.Join(certs, "ca.pem"), "TRUSTED_PROXIES", "127.0.0.1,::1"),
		func(r *gin.Engine) {
			r.Any("/order", func(c *gin.Context) { reached <- c.Request.Method; c.Status(http.StatusCreated) })
		})
	for _, claim := range [][]string{
		nil, {"X-Forwarded-Proto", "https"}, {"X-Forwarded-Proto", "http, https"}, {"X-Forwarded-Proto", "wss"},
		{"X-Forwarded-Proto", "nonsense"},
		{"X-Forwarded-Ssl", "on"}, {"Front-End-Https", "on"}, {"Forwarded", "proto=https"}, {"X-Forwarded-Scheme", "https"},
		{"X-Forwarded-Proto", "https", "X-Forwarded-For", "203.0.113.9", "X-Forwarded-Port", "443",
			"Cf-Visitor", `{"scheme":"https"}`},
		{"X-Forwarded-Proto", "https", "Client-Cert", ":MII=:", "X-Forwarded-Client-Cert", "By=x"},
		{"X-Forwarded-Proto", "https", "Connection", "Upgrade", "Upgrade", "websocket"},
		{"X-Forwarded-Proto", "https", "X-HTTP-Method-Override", "GET"},
	} {
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "OPTIONS", "QUERY"} {
			resp, _ := s.do(method, "http://shop.test/order?a=b", "", claim...)
			if got := resp.Header.Get("Location"); resp.StatusCode != 308 || got != "https://shop.test/order?a=b" {
				t.Errorf("%s over plain http with %q got %d %q, want the redirect", method, claim, resp.StatusCode, got)
			}
			if got := resp.Header.Get("Strict-Transport-Security"); got != "" {
				t.Errorf("%s over plain http with %q got HSTS %q", method, claim, got)
			}
		}
	}
	for _, path := range []string{"/", "/seen", "/static/style.css", "/nowhere", "/healthz/", "//healthz", "/healthz/../order", "/.well-known/acme-challenge/x"} {
		conn, err := net.Dial("tcp", s.http)
		if err != nil {
			t.Fatal(err)
		}
		resp := answered(t, conn, "GET "+path+" HTTP/1.1\r\nHost: shop.test\r\nX-Forwarded-Proto: https\r\n\r\n")
		if resp.StatusCode != 308 {
			t.Errorf("%s over plain http got %d, want the redirect", path, resp.StatusCode)
		}
	}
	conn, err := net.Dial("tcp", s.http)
	if err != nil {
		t.Fatal(err)
	}
	request := "GET https://shop.test/order HTTP/1.1\r\nHost: shop.test\r\nX-Forwarded-Proto: https\r\n\r\n"
	if resp := answered(t, conn, request); resp.StatusCode != 308 {
		t.Errorf("a target with https in it got %d over plain http, want the redirect", resp.StatusCode)
	}
	for _, probe := range []string{"/healthz", "/readyz"} {
		if resp, _ := s.do("GET", "http://shop.test"+probe, ""); resp.StatusCode != 200 {
			t.Errorf("%s got %d, want 200", probe, resp.StatusCode)
		}
	}
	if len(reached) > 0 {
		t.Errorf("%d requests without a client certificate reached the handler", len(reached))
	}
	s.once("TLS_CLIENT_CA_FILE requires a client certificate", "X-Forwarded-Proto", "HTTPS_ADDR")
	if resp, err := s.client.Get("https://shop.test/order"); err == nil {
		t.Errorf("over TLS without a client certificate got %d, want no connection", resp.StatusCode)
	}
}

// hops are the headers that proxies and tunnels in use add to a request. One header of each is enough to recognize it.
var hops = []string{
	"Via: 1.1 proxy", "Forwarded: for=203.0.113.9", "X-Forwarded-For: 203.0.113.9", "X-Forwarded-For: 127.0.0.1",
	"X-Forwarded-Host: localhost",
	"X-Forwarded-Server: proxy", "X-Forwarded-Proto: https", "X-Forwarded-Port: 443", "X-Forwarded-Prefix: /",
	"X-Forwarded-Anything-New: 1", "X-Forwarded: 1",
	"X-Real-IP: 203.0.113.9", "X-Client-IP: 203.0.113.9", "X-Cluster-Client-IP: 203.0.113.9", "True-Client-IP: 203.0.113.9",
	"Client-IP: 203.0.113.9",
	"X-Envoy-External-Address: 203.0.113.9", "X-Envoy-Expected-Rq-Timeout-Ms: 15000", "CF-Connecting-IP: 203.0.113.9",
	"CF-Ray: 8f", "CF-Visitor: {}", "Cdn-Loop: cloudflare",
	"X-Amzn-Trace-Id: Root=1", "X-Amz-Cf-Id: x", "CloudFront-Viewer-Address: 203.0.113.9:1", "Fly-Client-IP: 203.0.113.9",
	"Fly-Region: ams",
	"Fastly-Client-IP: 203.0.113.9", "Fastly-SSL: 1", "X-Varnish: 1", "X-Original-URL: /", "X-Original-Host: a",
	"X-Original-Forwarded-For: 203.0.113.9", "X-ARR-LOG-ID: 1",
	"X-Azure-ClientIP: 203.0.113.9", "X-Vercel-Id: x", "X-Request-Start: t=1", "X-Cloud-Trace-Context: x",
	"X-ProxyUser-Ip: 203.0.113.9", "Max-Forwards: 9",
	"Tailscale-User-Login: a@example.com", "ngrok-skip-browser-warning: 1", "Ngrok-Trace-Id: x", "Bypass-Tunnel-Reminder: 1",
	"X-Tunnel-Id: x",
	"Host: abc.ngrok.app", "Host: 203.0.113.9",
}

func TestAnyProxyHeaderHidesTheDevelopmentDetails(t *testing.T) {
	t.Parallel()
	plain := map[string]string{"ENV": "dev", "DOMAINS": "abc.ngrok.app,203.0.113.9"}
	stranger := start(t, plain, brokenRoutes)
	trusted := start(t, with(plain, "TRUSTED_PROXIES", "127.0.0.1,::1"), brokenRoutes)
	for name, s := range map[string]*site{"a stranger": stranger, "a trusted proxy": trusted} {
		if _, body := s.do("GET", "https://localhost/test-returned", ""); !strings.Contains(body, "returned secret") {
			t.Fatalf("without a hop the developer is shown %s", body)
		}
		for _, header := range hops {
			key, value, _ := strings.Cut(header, ": ")
			claim := []string{key, value}
			if s == trusted && !strings.HasPrefix(key, "X-Forwarded-Proto") {
				claim = append(claim, "X-Forwarded-Proto", "https")
			}
			for _, accept := range []string{"text/html", "application/json"} {
				_, body := s.do("GET", "https://localhost/test-returned", "", append(claim, "Accept", accept)...)
				if strings.Contains(body, "secret") || strings.Contains(body, "_test.go") {
					t.Errorf("%s with %q is shown the inside as %s:\n%s", name, header, accept, body)
				}
			}
		}
	}
}

func TestUnreadableProxyHeaderIsLoggedOncePerReason(t *testing.T) {
	t.Parallel()
	s := start(t, map[string]string{"ENV": "prod", "TLS_MODE": "proxy", "DOMAINS": "shop.test", "HTTPS_ADDR": ""})
	s.do("GET", "http://10.1.2.3/readyz", "") // a platform's probe, past its proxy
	for range 3 {
		for _, proto := range []string{"wss", "ws", "https"} {
			s.do("GET", "http://shop.test/", "", "X-Forwarded-Proto", proto)
		}
	}
	if s.lines("request"); strings.Contains(s.Log(), `"WARN"`) {
		t.Errorf("Traefik's wss and ws are warned of:\n%s", s.Log())
	}
	resp, _ := s.do("GET", "http://shop.test/", "", "X-Forwarded-Proto", "wss")
	if resp.StatusCode != 200 || resp.Header.Get("Strict-Transport-Security") == "" {
		t.Errorf("wss got %d with HSTS %q, want what https gets", resp.StatusCode, resp.Header.Get("Strict-Transport-Security"))
	}
	if resp, _ = s.do("GET", "http://shop.test/", "", "X-Forwarded-Proto", "ws"); resp.StatusCode != 308 {
		t.Errorf("ws got %d, want what http gets", resp.StatusCode)
	}
	for range 3 {
		s.do("GET", "http://shop.test/", "", "X-Forwarded-Proto", "on")
		s.do("GET", "http://shop.test/", "")
		s.do("GET", "http://shop.test/", "", "X-Forwarded-Proto", "https", "X-Forwarded-For", "unknown\x80")
		if resp, _ = s.do("GET", "http://shop.test/a", "", "X-Forwarded-Proto", "https, http"); resp.StatusCode != 308 ||
			resp.Header.Get("Location") != "https://shop.test/a" {
			t.Errorf("https, http got %d %q, want the redirect: the last word is the one to believe", resp.StatusCode,
				resp.Header.Get("Location"))
		}
	}
	s.once("neither https nor http", "X-Forwarded-Proto", "value:on", "127.0.0.1:")
	s.once("does not say whether visitors come over https", "X-Forwarded-Proto $scheme")
	s.once("in circles", "value:https, http", "outermost proxy", "$http_x_forwarded_proto")
	s.once("X-Forwarded-For holds no address", "value:unknown", "CLIENT_IP_HEADER")
	_, body := s.do("GET", "http://shop.test/seen", "", "X-Forwarded-Proto", "https", "X-Forwarded-For", "[2001:db8::7]:443")
	if !strings.Contains(body, `"client":"2001:db8::7"`) {
		t.Errorf("the client behind a proxy that writes ports is in %s", body)
	}
	s.logged("request", "client", "2001:db8::7", "path", "/seen")
}

func TestUntrustedProxyIsLogged(t *testing.T) {
	t.Parallel()
	s := start(t, prod)
	for range 3 {
		if resp, _ := s.do("GET", "http://shop.test/", "", "X-Forwarded-Proto", "https"); resp.StatusCode != 308 {
			t.Errorf("got %d, want the redirect", resp.StatusCode)
		}
	}
	s.once("in circles if that address is your proxy", "TRUSTED_PROXIES=127.0.0.1,::1", "value:https")
}

func TestTunnelToTheDevelopmentServerNamesTheTwoSettings(t *testing.T) {
	t.Parallel()
	const host = "abc.tunnel.example.com"
	tunnel := []string{"Host", host, "X-Forwarded-Proto", "https", "X-Forwarded-For", "203.0.113.9"}
	const domains, proxies = "DOMAINS=" + host, "TRUSTED_PROXIES=127.0.0.1,::1"
	s := start(t, nil)
	for _, accept := range []string{"text/html", "application/json"} {
		resp, body := s.do("GET", "http://localhost/", "", append(tunnel, "Accept", accept)...)
		if resp.StatusCode != 421 || !strings.Contains(body, host) || !strings.Contains(body, domains) ||
			!strings.Contains(body, proxies) {
			t.Errorf("got %d, want 421 that names the host and both settings:\n%s", resp.StatusCode, body)
		}
	}
	refused := "does not answer for its host"
	s.once(refused, "host:"+host, domains, proxies)
	if _, body := s.do("GET", "http://localhost/", "", "Host", "<b>.evil", "Accept", "text/html"); strings.Contains(body, "<b>") {
		t.Errorf("a host that is none is on the page:\n%s", body)
	}
	for i := range 50 {
		s.do("GET", "http://localhost/", "", "Host", fmt.Sprintf("h%d.example.com", i))
	}
	if n := len(s.lines(refused)); n > 10 {
		t.Errorf("%d lines for 50 hosts", n)
	}

	s = start(t, map[string]string{"DOMAINS": host})
	if resp, _ := s.do("GET", "http://localhost/", "", tunnel...); resp.StatusCode != 307 {
		t.Errorf("with DOMAINS alone got %d, want the redirect", resp.StatusCode)
	}
	s.once("in circles if that address is your proxy or tunnel", proxies)

	s = start(t, map[string]string{"DOMAINS": host, "TRUSTED_PROXIES": "127.0.0.1,::1"})
	if resp, body := s.do("GET", "http://localhost/seen", "", tunnel...); resp.StatusCode != 200 || !strings.Contains(body, `"client":"203.0.113.9"`) || !strings.Contains(body, `"scheme":"https"`) {
		t.Errorf("with both settings got %d %s, want the visitor's address and https", resp.StatusCode, body)
	}
	if resp, _ := s.do("POST", "http://localhost/", "",
		append(tunnel, "Origin", "https://"+host, "Sec-Fetch-Site", "same-origin")...); resp.StatusCode == 403 ||
		resp.StatusCode == 307 {
		t.Errorf("a form through the tunnel got %d", resp.StatusCode)
	}

	// In production the client is not the developer, so the page must not name the settings.
	s = start(t, prod)
	if _, body := s.do("GET", "https://shop.test/", "", "Host", host); strings.Contains(body, host) ||
		strings.Contains(body, "DOMAINS") || len(s.lines("does not answer")) > 0 {
		t.Errorf("production tells of settings:\n%s\n%s", body, s.Log())
	}
}

func TestRefusedPreflightNamesTheSetting(t *testing.T) {
	t.Parallel()
	const origin = "https://app.example.com"
	preflight := func(origin string) []string {
		return []string{"Origin", origin, "Access-Control-Request-Method", "PUT"}
	}
	own := func(r *gin.Engine) {
		r.OPTIONS("/test-own", func(c *gin.Context) {
			c.Header("Access-Control-Allow-Origin", "*")
			c.Status(http.StatusNoContent)
		})
	}
	const msg = "its origin is not in CORS_ORIGINS"
	for _, listed := range []string{"", "https://www.shop.test"} {
		s := start(t, with(prod, "CORS_ORIGINS", listed), own)
		for range 3 {
			resp, body := s.do("OPTIONS", "https://shop.test/", "", preflight(origin)...)
			if resp.StatusCode != 405 || strings.Contains(body, "CORS_ORIGINS") ||
				resp.Header.Get("Access-Control-Allow-Origin") != "" {
				t.Errorf("production got %d %s, want 405 without a word", resp.StatusCode, body)
			}
		}
		s.once(msg, "origin:"+origin, "method:PUT", "path:/",
			pick(listed == "", "CORS_ORIGINS="+origin, "CORS_ORIGINS="+listed+","+origin))
		if resp, _ := s.do("OPTIONS", "https://shop.test/test-own", "",
			preflight("https://other.example.com")...); resp.StatusCode != 204 {
			t.Errorf("a route with a policy of its own got %d, want its 204", resp.StatusCode)
		}
		s.once(msg)
		for i := range 50 {
			s.do("OPTIONS", "https://shop.test/", "", preflight(fmt.Sprintf("https://h%d.example.com", i))...)
		}
		s.do("OPTIONS", "https://shop.test/", "", preflight("<script>")...)
		if n := len(s.lines(msg)); n > 10 {
			t.Errorf("%d lines for 50 origins", n)
		}
	}
	s := start(t, nil)
	for path, status := range map[string]int{"/": 405, "/nowhere": 404} {
		resp, body := s.do("OPTIONS", "https://localhost"+path, "", preflight("http://localhost:3000")...)
		if resp.StatusCode != status || !strings.Contains(body, `http://localhost:3000`) ||
			!strings.Contains(body, "CORS_ORIGINS=http://localhost:3000") {
			t.Errorf("%s in development got %d %s, want %d that names origin and setting", path, resp.StatusCode, body, status)
		}
	}
	if _, body := s.do("OPTIONS", "https://localhost/", "", preflight("null")...); !strings.Contains(body, "from a file") {
		t.Errorf("a page without an origin is told %s", body)
	}
	if _, body := s.do("OPTIONS", "https://localhost/", ""); strings.Contains(body, "CORS_ORIGINS") {
		t.Errorf("what is no preflight is told %s", body)
	}
}

func TestFrontEndOnAnotherPortCanUseTheCertificate(t *testing.T) {
	t.Parallel()
	s := start(t, map[string]string{"CORS_ORIGINS": "http://localhost:3000"})
	s.once("every request from there is anonymous")
	// The test does what the warning says: the certificate and key must work on another port of the same host.
	dir := filepath.Join(s.dir, "certs")
	pair, err := tls.LoadX509KeyPair(filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"))
	if err != nil {
		t.Fatal(err)
	}
	front, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{pair}})
	if err != nil {
		t.Fatal(err)
	}
	defer front.Close()
	go func() {
		if conn, err := front.Accept(); err == nil {
			conn.(*tls.Conn).Handshake()
		}
	}()
	conn, err := tls.Dial("tcp", front.Addr().String(), &tls.Config{ServerName: "localhost", RootCAs: s.roots()})
	if err != nil {
		t.Errorf("a front end with the site's certificate: %v", err)
	} else {
		conn.Close()
	}
}
