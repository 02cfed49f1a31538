package acme

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"testing"

	"example.com/turnkey/e2e/rig"
)

// The test checks the responses of one production site to clients of all kinds.
func TestProductionResponses(t *testing.T) {
	t.Parallel()
	p := newPorts(t)
	pebble := rig.StartPebble(t, rig.PebbleOptions{TLSPort: p.https, HTTPPort: p.http})
	rig.Start(t, t.TempDir(), p.env().With(from(pebble, t.TempDir())).With(rig.Env{"DOMAINS": shop + "," + blog}))
	roots := pebble.Roots(t)
	for _, host := range []string{shop, blog} {
		rig.Eventually(t, acmeTime, "a certificate for "+host, func() bool {
			_, err := verified(rig.Loopback(p.https), host, roots)
			return err == nil
		})
	}
	visitor := rig.Visitor(roots)
	addr := rig.Loopback(p.https)

	t.Run("HSTS is on every answer over https", func(t *testing.T) {
		for _, test := range []struct {
			want int
			rig.Request
		}{
			{200, rig.Request{URL: p.secure(shop, "/")}},
			{200, rig.Request{URL: p.secure(blog, "/api/connection")}},
			{200, rig.Request{URL: p.secure(shop, "/"), Method: "HEAD"}},
			{200, rig.Request{URL: p.secure(shop, "/healthz")}},
			{404, rig.Request{URL: p.secure(shop, "/nothing-here")}},
			{405, rig.Request{URL: p.secure(shop, "/"), Method: "POST"}},
			{403, rig.Request{URL: p.secure(shop, "/"), Method: "POST", Header: []string{"Sec-Fetch-Site", "cross-site"}}},
			{421, rig.Request{URL: p.secure(shop, "/"), Host: "other.example.test"}},
		} {
			got := rig.Ask(t, visitor, test.Request)
			if got.StatusCode != test.want {
				t.Errorf("%s %s as %s = %d, want %d", test.Method, test.URL, test.Host, got.StatusCode, test.want)
			}
			if hsts := got.Header["Strict-Transport-Security"]; len(hsts) != 1 || hsts[0] != "max-age=31536000" {
				t.Errorf("Strict-Transport-Security of the %d = %q, want max-age=31536000", test.want, hsts)
			}
			if got.ProtoMajor != 2 {
				t.Errorf("%s was answered over %s, want HTTP/2.0", test.URL, got.Proto)
			}
		}
	})

	t.Run("an address has no HSTS", func(t *testing.T) { // browsers keep no rule for it (RFC 6797 §8.1.1)
		got := rig.Ask(t, visitor, rig.Request{URL: p.secure(shop, "/"), Host: "127.0.0.1"})
		if hsts := got.Header["Strict-Transport-Security"]; got.StatusCode != 421 || len(hsts) > 0 {
			t.Errorf("got %d and %q, want 421 and none", got.StatusCode, hsts)
		}
	})

	t.Run("the plain port redirects to https", func(t *testing.T) {
		for _, test := range []struct{ method, host, target string }{
			{"GET", shop, "/"},
			{"HEAD", shop, "/a"},
			{"GET", blog, "/a/b%2Fc?q=1&r=%20x&r=+"},
			{"POST", shop, "/form?step=2"},
			{"DELETE", shop, "/thing/7"},
			{"GET", shop, "//elsewhere.example.test/x"},
		} {
			got := rig.Ask(t, visitor, rig.Request{Method: test.method, URL: p.plain(test.host, test.target)})
			moved := got.StatusCode == http.StatusMovedPermanently && (test.method == "GET" || test.method == "HEAD")
			if got.StatusCode != http.StatusPermanentRedirect && !moved {
				t.Errorf("%s %s = %d, want 308", test.method, test.target, got.StatusCode)
			}
			if to, want := got.Header.Get("Location"), p.secure(test.host, test.target); to != want {
				t.Errorf("%s %s leads to %q, want %q", test.method, test.target, to, want)
			}
			if hsts, sent := got.Header["Strict-Transport-Security"]; sent {
				t.Errorf("Strict-Transport-Security = %q over plain http, where RFC 6797 forbids it", hsts)
			}
		}
	})

	t.Run("other hosts get 421 on both ports", func(t *testing.T) {
		for _, url := range []string{p.secure(shop, "/"), p.plain(shop, "/"), p.plain(shop, "/?to=x")} {
			for _, host := range []string{"other.example.test", "127.0.0.1", "sub." + shop, shop + ".example.test"} {
				got := rig.Ask(t, visitor, rig.Request{URL: url, Host: host, Header: []string{"X-Forwarded-Host", shop}})
				if got.StatusCode != http.StatusMisdirectedRequest {
					t.Errorf("%s as %s = %d, want 421", url, host, got.StatusCode)
				}
				if to := got.Header.Get("Location"); to != "" {
					t.Errorf("%s as %s leads to %s", url, host, to)
				}
			}
		}
	})

	t.Run("other hosts get 421 on the path of challenges too", func(t *testing.T) {
		const path = "/.well-known/acme-challenge/a.b" // no token has a dot
		got := rig.Get(t, visitor, p.secure(shop, path))
		if hsts := got.Header.Get("Strict-Transport-Security"); got.StatusCode != http.StatusNotFound || hsts != "max-age=31536000" {
			t.Errorf("what is no token = %d with Strict-Transport-Security %q, want 404 with max-age=31536000", got.StatusCode, hsts)
		}
		for _, url := range []string{p.secure(shop, path), p.plain(shop, path)} {
			if got := rig.Ask(t, visitor, rig.Request{URL: url, Host: "other.example.test"}); got.StatusCode != http.StatusMisdirectedRequest {
				t.Errorf("%s as another host = %d, want 421", url, got.StatusCode)
			}
		}
	})

	t.Run("probes are answered by address under any host on both ports", func(t *testing.T) {
		for _, url := range []string{
			p.secure("127.0.0.1", "/healthz"), p.secure("127.0.0.1", "/readyz"),
			p.plain("127.0.0.1", "/healthz"), p.plain("127.0.0.1", "/readyz"),
		} {
			for _, host := range []string{"", "anything.at.all"} {
				if got := rig.Ask(t, stranger(), rig.Request{URL: url, Host: host}); got.StatusCode != http.StatusOK {
					t.Errorf("%s as %q = %d, want 200", url, host, got.StatusCode)
				}
			}
		}
	})

	t.Run("X-Forwarded-Proto of an untrusted client changes nothing", func(t *testing.T) {
		spoofed := []string{"X-Forwarded-Proto", "https", "X-Forwarded-For", "203.0.113.9"}
		got := rig.Ask(t, visitor, rig.Request{URL: p.plain(shop, "/"), Header: spoofed})
		if got.StatusCode != http.StatusPermanentRedirect && got.StatusCode != http.StatusMovedPermanently {
			t.Errorf("plain http that says it is https = %d, want a redirect", got.StatusCode)
		}
		if _, sent := got.Header["Strict-Transport-Security"]; sent {
			t.Error("plain http that says it is https has HSTS")
		}
		if got := connection(t, visitor, rig.Request{URL: p.secure(shop, "/api/connection"), Header: spoofed}); got.Client != "127.0.0.1" {
			t.Errorf("client = %s, want the socket's 127.0.0.1", got.Client)
		}
	})

	t.Run("an unknown server name gets the alert unrecognized_name", func(t *testing.T) {
		for _, name := range []string{"other.example.test", "sub." + shop, "localhost"} {
			if _, err := rig.Handshake(addr, &tls.Config{ServerName: name, InsecureSkipVerify: true}); !rig.Refused(err, "unrecognized name") {
				t.Errorf("handshake as %s: %v, want unrecognized_name", name, err)
			}
		}
	})

	t.Run("no server name gets the canonical host's certificate", func(t *testing.T) {
		state, err := rig.Handshake(addr, &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			t.Fatal(err)
		}
		chain := x509.NewCertPool()
		for _, c := range state.PeerCertificates[1:] {
			chain.AddCert(c)
		}
		if _, err := state.PeerCertificates[0].Verify(x509.VerifyOptions{DNSName: shop, Roots: roots, Intermediates: chain}); err != nil {
			t.Error(err)
		}
	})

	t.Run("names are taken in any case, and with the root's dot", func(t *testing.T) {
		for _, host := range []string{"SHOP.Example.Test", shop + "."} {
			if got := rig.Ask(t, visitor, rig.Request{URL: p.secure(shop, "/"), Host: host}); got.StatusCode != http.StatusOK {
				t.Errorf("Host: %s = %d, want 200", host, got.StatusCode)
			}
		}
		if _, err := rig.Handshake(addr, &tls.Config{ServerName: "SHOP.Example.Test", RootCAs: roots}); err != nil {
			t.Error(err)
		}
	})

	t.Run("old TLS is refused", func(t *testing.T) {
		_, err := rig.Handshake(addr, &tls.Config{ServerName: shop, RootCAs: roots, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11})
		if !rig.Refused(err, "protocol version not supported") {
			t.Errorf("handshake with TLS 1.1: %v, want protocol_version", err)
		}
		state, err := verified(addr, shop, roots)
		if err != nil || state.Version != tls.VersionTLS13 {
			t.Errorf("version = %s, %v; want TLS 1.3", tls.VersionName(state.Version), err)
		}
	})

	t.Run("the page shows what was negotiated", func(t *testing.T) {
		got := connection(t, visitor, rig.Request{URL: p.secure(shop, "/api/connection")})
		want := connectionInfo{Scheme: "https", Protocol: "HTTP/2.0", Host: fmt.Sprintf("%s:%d", shop, p.https), Client: "127.0.0.1", TLS: "TLS 1.3", ServerName: shop, ALPN: "h2"}
		if got != want {
			t.Errorf("connection = %+v, want %+v", got, want)
		}
	})
}
