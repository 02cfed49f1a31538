package command_test

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestPlainHTTPOnTheTLSPortIsSentToHTTPS(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	port := s.https[strings.LastIndexByte(s.https, ':')+1:]
	for _, test := range []struct {
		raw, location string
		status        int
	}{
		{"GET /a/b?c=d&e=%2F HTTP/1.1\r\nHost: localhost:" + port + "\r\n\r\n", "https://localhost:" + port + "/a/b?c=d&e=%2F", 307},
		{"HEAD / HTTP/1.1\r\nHost: 127.0.0.1:" + port + "\r\n\r\n", "https://127.0.0.1:" + port + "/", 307},
		{"GET / HTTP/1.1\r\nHost: [::1]:" + port + "\r\n\r\n", "https://[::1]:" + port + "/", 307},
		{"DELETE /x HTTP/1.1\r\nHost: LocalHost.:" + port + "\r\n\r\n", "https://localhost:" + port + "/x", 307},
		{"GET / HTTP/1.1\r\nHost: localhost:9443\r\n\r\n", "https://localhost:9443/", 307}, // a mapped port
		{"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "https://localhost:" + port + "/", 307},
		{"OPTIONS * HTTP/1.1\r\nHost: localhost:" + port + "\r\n\r\n", "https://localhost:" + port + "/", 307},
		{"GET //evil.test/x HTTP/1.1\r\nHost: localhost:" + port + "\r\n\r\n", "https://localhost:" + port + "//evil.test/x", 307},
		{"GET http://evil.test/ HTTP/1.1\r\nHost: localhost:" + port + "\r\n\r\n", "", 421},
		{"GET / HTTP/1.1\r\nHost: evil.test\r\n\r\n", "", 421},
		{"GET / HTTP/1.1\r\nHost: localhost:x@evil.test\r\n\r\n", "", 400},
		{"GET / HTTP/1.1\r\nHost: evil.test#localhost:" + port + "\r\n\r\n", "", 400},
		{"GET / HTTP/1.1\r\nHost: [::1]:@evil.test\r\n\r\n", "", 400},
		{"GET / HTTP/1.0\r\n\r\n", "", 421},
		{"NOT HTTP\r\n\r\n", "", 400},
		{"POST /order HTTP/1.1\r\nHost: localhost:" + port + "\r\nContent-Length: 300000\r\n\r\n" + strings.Repeat("x", 300000), "https://localhost:" + port + "/order", 307},
	} {
		resp := typed(t, s.https, test.raw)
		short := test.raw[:min(len(test.raw), 70)]
		if resp == nil {
			t.Errorf("%q got no answer, want %d", short, test.status)
			continue
		}
		if got := resp.Header.Get("Location"); resp.StatusCode != test.status || got != test.location {
			t.Errorf("%q got %d %q, want %d %q", short, resp.StatusCode, got, test.status, test.location)
		}
		if resp.Header.Get("Cache-Control") != "no-store" && test.status != 400 || resp.Header.Get("Strict-Transport-Security") != "" {
			t.Errorf("%q: an answer that browsers keep: %v", short, resp.Header)
		}
	}
	if resp := typed(t, s.https, "\x00\x01nonsense\r\n\r\n"); resp != nil {
		t.Errorf("what is neither TLS nor HTTP got %d", resp.StatusCode)
	}
	s.stop()
	s.wait()
	if got := s.logged("handshakes that failed"); got["not_tls"] != 1.0 || len(got) != 4 {
		t.Errorf("the summary is %v, want the nonsense alone", got)
	}
}

func TestTLSPortServesTLSBesidePlainHTTP(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	var silent []net.Conn
	for i := range 50 { // half of them begin a TLS record and never complete it
		conn, err := net.Dial("tcp", s.https)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if i%2 == 0 {
			fmt.Fprint(conn, "G")
		}
		silent = append(silent, conn)
	}
	resp, _ := s.do("GET", "https://localhost/", "")
	if resp.StatusCode != 200 || resp.Proto != "HTTP/2.0" {
		t.Errorf("got %d over %s, want 200 over HTTP/2", resp.StatusCode, resp.Proto)
	}
	if resp := typed(t, s.https, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"); resp == nil || resp.StatusCode != 307 {
		t.Errorf("plain http got %v, want 307", resp)
	}
	// Silent clients, for which these two did not wait, are disconnected after the timeout.
	for _, conn := range silent[:2] {
		conn.SetReadDeadline(time.Now())
		if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("others were answered after a silent client was disconnected: %v", err)
		}
		conn.SetReadDeadline(time.Now().Add(headerTimeout + 5*time.Second))
		if _, err := io.Copy(io.Discard, conn); err != nil {
			t.Errorf("a silent client is still connected: %v", err)
		}
	}
	// A ClientHello may arrive one byte at a time.
	conn, err := net.Dial("tcp", s.https)
	if err != nil {
		t.Fatal(err)
	}
	client := tls.Client(bytewise{conn}, &tls.Config{ServerName: "localhost", RootCAs: s.roots()})
	defer client.Close()
	if err := client.Handshake(); err != nil {
		t.Errorf("a hello that comes byte by byte: %v", err)
	}
}

// bytewise sends a byte at a time.
type bytewise struct{ net.Conn }

func (b bytewise) Write(data []byte) (int, error) {
	for i := range data {
		if _, err := b.Conn.Write(data[i : i+1]); err != nil {
			return i, err
		}
	}
	return len(data), nil
}

// Load balancers in TCP mode ask the TLS port for /readyz in plain http, also before there is a certificate. All that
// is plain there is answered as on HTTP_ADDR.
func TestProductionAnswersPlainHTTPOnTheTLSPortAsOnHTTPAddr(t *testing.T) {
	t.Parallel()
	s := start(t, with(prod, "HTTP_ADDR", "127.0.0.1:0"))
	port := s.https[strings.LastIndexByte(s.https, ':')+1:]
	for request, want := range map[string]string{
		"GET /readyz HTTP/1.0\r\n\r\n":                                              "200 ",
		"GET /healthz HTTP/1.1\r\nHost: 10.0.0.7:443\r\n\r\n":                       "200 ",
		"HEAD /readyz HTTP/1.1\r\nHost: x\r\n\r\n":                                  "200 ",
		"POST /readyz HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n":             "405 ",
		"GET /a?b HTTP/1.1\r\nHost: shop.test:8443\r\n\r\n":                         "308 https://shop.test:8443/a?b",
		"GET /a?b HTTP/1.1\r\nHost: shop.test:443\r\n\r\n":                          "308 https://shop.test/a?b",
		"GET /seen HTTP/1.1\r\nHost: shop.test\r\nX-Forwarded-Proto: https\r\n\r\n": "308 https://shop.test:" + port + "/seen",
		"GET / HTTP/1.1\r\nHost: evil.test\r\n\r\n":                                 "421 ",
		"GET / HTTP/1.0\r\n\r\n":                                                    "421 ",
		"OPTIONS * HTTP/1.1\r\nHost: evil.test\r\n\r\n":                             "421 ",
		"G\r\n\r\n": "400 ",
	} {
		onTLS, onPlain := typed(t, s.https, request), typed(t, s.http, request)
		if onTLS == nil || onPlain == nil {
			t.Errorf("%q: an answer is missing: %v and %v", request, onTLS, onPlain)
			continue
		}
		if got := fmt.Sprint(onTLS.StatusCode, " ", onTLS.Header.Get("Location")); got != want {
			t.Errorf("%q got %s, want %s", request, got, want)
		}
		for _, resp := range []*http.Response{onTLS, onPlain} {
			for _, own := range []string{"Date", "Location", "X-Request-Id"} {
				resp.Header.Del(own)
			}
		}
		if onTLS.StatusCode != onPlain.StatusCode || !reflect.DeepEqual(onTLS.Header, onPlain.Header) {
			t.Errorf("%q got %d %v, and on HTTP_ADDR %d %v", request, onTLS.StatusCode, onTLS.Header, onPlain.StatusCode, onPlain.Header)
		}
	}
}
