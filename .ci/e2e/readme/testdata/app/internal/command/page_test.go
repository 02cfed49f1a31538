package command_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"example.com/turnkey/handlers"
)

// Tests of the page about the connection, and of the pages' own policy.

// connectionPage is the path of that page.
const connectionPage = "/connection"

// connectionInfo is what these tests read of /api/connection.
type connectionInfo struct {
	ALPN         string `json:"alpn"`
	Offered      any    `json:"offered"`
	Certificates []struct {
		Fingerprint string `json:"fingerprint"`
	} `json:"certificates"`
	VouchedBy struct {
		Issuer string `json:"issuer"`
	} `json:"vouched_by"`
}

// connection requests /api/connection over a new connection.
func (s *site) connection(config *tls.Config, host string) (*http.Response, connectionInfo) {
	s.t.Helper()
	resp, body := s.over(config).do("GET", "https://"+host+"/api/connection", "")
	var info connectionInfo
	if err := json.Unmarshal([]byte(body), &info); err != nil {
		s.t.Fatalf("%s: %v", body, err)
	}
	return resp, info
}

// pageHas checks that a page contains some texts and lacks others, wherever its lines are broken.
func pageHas(t *testing.T, page string, there map[string]bool) {
	t.Helper()
	read := strings.Join(strings.Fields(page), " ")
	for text, want := range there {
		if strings.Contains(read, text) != want {
			t.Errorf("%q on the page: %v, want %v", text, !want, want)
		}
	}
	if !strings.Contains(page, "</html>") {
		t.Errorf("the page is not whole:\n%.500s", page)
	}
}

func TestConnectionPageShowsWhatWasNegotiated(t *testing.T) {
	t.Parallel()
	s := startSite(t, prod, handlers.Site)
	suites := []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256}
	for _, test := range []struct {
		name           string
		config         *tls.Config
		version, group string
	}{
		{"TLS 1.3 over HTTP/2", &tls.Config{NextProtos: []string{"h2", "http/1.1"}, MinVersion: tls.VersionTLS12, CurvePreferences: []tls.CurveID{tls.X25519MLKEM768, tls.X25519}}, "TLS 1.3", "X25519MLKEM768"},
		{"TLS 1.3 over HTTP/1.1", &tls.Config{NextProtos: []string{"http/1.1"}, MinVersion: tls.VersionTLS13, CurvePreferences: []tls.CurveID{tls.CurveP384}}, "TLS 1.3", "secp384r1"},
		{"TLS 1.2 over HTTP/2", &tls.Config{NextProtos: []string{"h2", "http/1.1"}, MaxVersion: tls.VersionTLS12, CipherSuites: suites, CurvePreferences: []tls.CurveID{tls.CurveP256}}, "TLS 1.2", "secp256r1"},
		{"TLS 1.2 over HTTP/1.1", &tls.Config{NextProtos: []string{"http/1.1"}, MaxVersion: tls.VersionTLS12, CipherSuites: suites[:1], CurvePreferences: []tls.CurveID{tls.X25519}}, "TLS 1.2", "X25519"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, got := s.connection(test.config, "shop.test")
			_, page := s.over(test.config).do("GET", "https://shop.test"+connectionPage, "")
			pageHas(t, page, map[string]bool{"This connection is private.": true, test.version: true, test.group: true, "forward secrecy": true, got.VouchedBy.Issuer: true,
				got.Certificates[0].Fingerprint: true, "CertificateVerify": test.version == "TLS 1.3", "ServerKeyExchange": test.version == "TLS 1.2"})
		})
	}
}

func TestConnectionPageShowsAResumedSession(t *testing.T) {
	t.Parallel()
	s := startSite(t, nil, handlers.Site)
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		config := &tls.Config{ClientSessionCache: tls.NewLRUClientSessionCache(1), MaxVersion: version, NextProtos: []string{"h2"}}
		s.connection(config, "localhost")
		resp, page := s.over(config).do("GET", "https://localhost"+connectionPage, "")
		if !resp.TLS.DidResume {
			t.Fatalf("%s: the client resumed nothing, so this shows nothing", tls.VersionName(version))
		}
		pageHas(t, page, map[string]bool{"No certificate travelled this time": true, "CertificateVerify": false, "ServerKeyExchange": false,
			"TLS 1.2 agrees on nothing new": version == tls.VersionTLS12, "The secret itself never travels": version == tls.VersionTLS13})
	}
}

func TestConnectionPageBehindAProxyClaimsNothing(t *testing.T) {
	t.Parallel()
	s := startSite(t, map[string]string{"ENV": "prod", "TLS_MODE": "proxy", "DOMAINS": "shop.test", "HTTPS_ADDR": ""}, handlers.Site)
	_, page := s.do("GET", "http://shop.test"+connectionPage, "", "X-Forwarded-Proto", "https")
	pageHas(t, page, map[string]bool{"This connection is private.": true, "known to them alone": true, "ClientHello": false, "forward secrecy": false, "Vouched": false})
	// Without X-Forwarded-Proto the page claims neither.
	_, page = s.do("GET", "http://shop.test"+connectionPage, "")
	pageHas(t, page, map[string]bool{"This connection is private.": false, "not encrypted.": false})
}

func TestConnectionPageTakesNoProxyForTheVisitor(t *testing.T) {
	t.Parallel()
	s := startSite(t, with(prod, "TRUSTED_PROXIES", "127.0.0.1"), handlers.Site)
	_, page := s.over(&tls.Config{NextProtos: []string{"h2"}}).do("GET", "https://shop.test"+connectionPage, "", "X-Forwarded-For", "203.0.113.9")
	pageHas(t, page, map[string]bool{"our browser began": false, "The proxy began": true})
}

func TestConnectionPageShowsAClientCertificate(t *testing.T) {
	t.Parallel()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: "ada"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(50 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "clients.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	s := startSite(t, with(prod, "TLS_CLIENT_CA_FILE", file), handlers.Site)
	config := &tls.Config{NextProtos: []string{"h2"}, Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	_, page := s.over(config).do("GET", "https://shop.test"+connectionPage, "")
	pageHas(t, page, map[string]bool{"<b>ada</b>": true, "CertificateRequest": true})
}

func TestPagesHaveNoInlineScriptOrStyle(t *testing.T) {
	t.Parallel()
	s := startSite(t, nil, handlers.Site, faulty)
	for _, path := range []string{"/", connectionPage, "/nowhere"} {
		_, page := s.do("GET", "https://localhost"+path, "", "Accept", "text/html")
		pageHas(t, page, map[string]bool{"<style": false, " style=": false, "<script": false, " onclick": false, " onload": false, "javascript:": false, "http://": false})
	}
}

// The template's own error page shows fields and, in development, the source line. Its stylesheet is found by its hash.
func TestErrorPageShowsFieldsAndSourceLine(t *testing.T) {
	t.Parallel()
	s := startSite(t, map[string]string{"ENV": "dev"}, handlers.Site, inputRoutes, brokenRoutes)
	_, page := s.do("POST", "https://localhost/test-bind", "count=x", "Content-Type", "application/x-www-form-urlencoded", "Accept", "text/html")
	pageHas(t, page, map[string]bool{"must be a whole number": true, "Back to the home page": true})
	for path, want := range map[string]map[string]bool{
		"/test-panic":  {"errors_test.go": true, "here it panics": true, "nil pointer dereference": true, "goroutine": true},
		"/test-status": {"errors_test.go": true, "here it is made": true, "the warehouse is closed": true},
	} {
		_, page := s.do("GET", "https://localhost"+path, "", "Accept", "text/html")
		pageHas(t, page, want)
	}
}

func TestPageLinksAHashedStylesheet(t *testing.T) {
	t.Parallel()
	s := startSite(t, prod, handlers.Site)
	_, page := s.do("GET", "https://shop.test/", "")
	link := stylesheet.FindStringSubmatch(page)
	if link == nil {
		t.Fatalf("the page links no hashed stylesheet:\n%s", page)
	}
	if want, err := os.ReadFile("../../../web/static/style.css"); err != nil {
		t.Error(err)
	} else if resp, body := s.ask("https://shop.test" + link[1]); resp.StatusCode != 200 || body != string(want) {
		t.Errorf("%s got %d and %d bytes", link[1], resp.StatusCode, len(body))
	}
}
