package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/turnkey/handlers"
)

// connection asks over a connection of its own, and returns the client's view of it beside the server's.
func (s *site) connection(config *tls.Config, path string, headers ...string) (*http.Response, handlers.ConnectionInfo, string) {
	s.t.Helper()
	transport := s.client.Transport.(*http.Transport).Clone()
	config = config.Clone()
	config.RootCAs = s.roots()
	transport.TLSClientConfig, transport.TLSNextProto = config, nil
	transport.ForceAttemptHTTP2 = slices.Contains(config.NextProtos, "h2")
	defer transport.CloseIdleConnections()
	once := *s
	once.client = &http.Client{Transport: transport, Timeout: 20 * time.Second, CheckRedirect: s.client.CheckRedirect}
	resp, body := once.do("GET", path, "", headers...)
	var info handlers.ConnectionInfo
	if strings.HasSuffix(path, "/api/connection") {
		if err := json.Unmarshal([]byte(body), &info); err != nil {
			s.t.Fatalf("%s: %v", body, err)
		}
	}
	return resp, info, body
}

func TestAConnectionTellsWhatBothSidesSaw(t *testing.T) {
	t.Parallel()
	s := start(t, prod)
	const (
		ecdsaGCM = tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384
		ecdsaCha = tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256
	)
	for _, test := range []struct {
		name                     string
		config                   *tls.Config
		versions, suites, groups []string
		version, group           string
		postQuantum              bool
	}{
		{"TLS 1.3 over HTTP/2", &tls.Config{NextProtos: []string{"h2", "http/1.1"}, MinVersion: tls.VersionTLS12, CurvePreferences: []tls.CurveID{tls.X25519MLKEM768, tls.X25519}},
			[]string{"TLS 1.2", "TLS 1.3"}, nil, []string{"X25519", "X25519MLKEM768"}, "TLS 1.3", "X25519MLKEM768", true},
		{"TLS 1.3 over HTTP/1.1", &tls.Config{NextProtos: []string{"http/1.1"}, MinVersion: tls.VersionTLS13, CurvePreferences: []tls.CurveID{tls.CurveP384}},
			[]string{"TLS 1.3"}, []string{"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"}, []string{"secp384r1"}, "TLS 1.3", "secp384r1", false},
		{"TLS 1.2 over HTTP/2", &tls.Config{NextProtos: []string{"h2", "http/1.1"}, MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{ecdsaGCM, ecdsaCha}, CurvePreferences: []tls.CurveID{tls.CurveP256}},
			[]string{"TLS 1.2"}, []string{"TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"}, []string{"secp256r1"}, "TLS 1.2", "secp256r1", false},
		{"TLS 1.2 over HTTP/1.1", &tls.Config{NextProtos: []string{"http/1.1"}, MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{ecdsaGCM}, CurvePreferences: []tls.CurveID{tls.X25519}},
			[]string{"TLS 1.2"}, []string{"TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"}, []string{"X25519"}, "TLS 1.2", "X25519", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			resp, got, _ := s.connection(test.config, "https://shop.test/api/connection")
			if cache := resp.Header.Get("Cache-Control"); cache != "no-store" {
				t.Errorf("Cache-Control is %q, want no-store", cache)
			}
			if got.TLS != test.version || got.KeyExchange != test.group || got.CipherSuite != tls.CipherSuiteName(resp.TLS.CipherSuite) ||
				got.ALPN != resp.TLS.NegotiatedProtocol || got.Protocol != resp.Proto || got.ServerName != "shop.test" || got.Proxied || got.Resumed {
				t.Errorf("agreed on %+v, want what the client saw: %s %s", got, test.version, test.group)
			}
			wantScheme := ""
			if test.version == "TLS 1.3" {
				wantScheme = "ecdsa_secp256r1_sha256" // all that a P-256 key can sign with
			}
			want := handlers.Agreement{CertificateSent: true, SignatureScheme: wantScheme, ForwardSecrecy: true, PostQuantum: test.postQuantum}
			if got.Agreed == nil || *got.Agreed != want {
				t.Errorf("agreed on %+v, want %+v", got.Agreed, want)
			}
			if got.Offered == nil {
				t.Fatal("nothing is told of the offer")
			}
			for what, pair := range map[string][2][]string{
				"versions": {got.Offered.Versions, test.versions}, "groups": {got.Offered.Groups, test.groups}, "ALPN": {got.Offered.ALPN, test.config.NextProtos},
				"cipher suites": {got.Offered.CipherSuites, test.suites},
			} {
				if have, want := slices.Sorted(slices.Values(pair[0])), slices.Sorted(slices.Values(pair[1])); pair[1] != nil && !slices.Equal(have, want) {
					t.Errorf("offered %s %q, want %q", what, have, want)
				}
			}
			if got.Offered.ServerName != "shop.test" || got.Offered.ECH || got.Offered.GREASE != 0 || !slices.Contains(got.Offered.SignatureSchemes, "ecdsa_secp256r1_sha256") {
				t.Errorf("offered %+v, want shop.test, neither ECH nor GREASE, and the certificate's scheme", got.Offered)
			}
			sameChain(t, got.Certificates, resp.TLS.PeerCertificates)
			if got.VouchedBy != (handlers.Voucher{Kind: "files", Issuer: "An ordinary authority"}) {
				t.Errorf("vouched for by %+v", got.VouchedBy)
			}
			_, _, page := s.connection(test.config, "https://shop.test/")
			for _, want := range []string{"This connection is private.", test.version, test.group, "forward secrecy", "An ordinary authority", got.Certificates[0].Fingerprint} {
				if !strings.Contains(page, want) {
					t.Errorf("the page does not show %q", want)
				}
			}
			if got, want := strings.Contains(page, "CertificateVerify"), test.version == "TLS 1.3"; got != want {
				t.Errorf("the page shows CertificateVerify: %v; the server of %s sends it: %v", got, test.version, want)
			}
			if got, want := strings.Contains(page, "ServerKeyExchange"), test.version == "TLS 1.2"; got != want {
				t.Errorf("the page shows ServerKeyExchange: %v; the server of %s sends it: %v", got, test.version, want)
			}
		})
	}
}

func sameChain(t *testing.T, got []handlers.Certificate, want []*x509.Certificate) {
	t.Helper()
	if len(got) != len(want) || len(want) == 0 {
		t.Fatalf("%d certificates, the client saw %d", len(got), len(want))
	}
	for i, cert := range want {
		if print := strings.ToLower(strings.ReplaceAll(got[i].Fingerprint, ":", "")); print != fmt.Sprintf("%x", sha256.Sum256(cert.Raw)) {
			t.Errorf("certificate %d is %s, which is not what the client saw", i, print)
		}
		days := int(time.Until(cert.NotAfter).Hours() / 24)
		if got[i].IsCA != cert.IsCA || !got[i].NotAfter.Equal(cert.NotAfter) || got[i].DaysLeft != days || !slices.Equal(got[i].Names[:len(cert.DNSNames)], cert.DNSNames) || got[i].Signature != cert.SignatureAlgorithm.String() || got[i].Key != "ECDSA P-256" {
			t.Errorf("certificate %d is described as %+v", i, got[i])
		}
	}
}

// A resumed session shows no certificate, and TLS 1.3 does not even ask for one.
func TestAResumedSessionSaysSo(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		config := &tls.Config{ClientSessionCache: tls.NewLRUClientSessionCache(1), MaxVersion: version, NextProtos: []string{"h2"}}
		first, before, _ := s.connection(config, "https://localhost/api/connection")
		resp, got, _ := s.connection(config, "https://localhost/api/connection")
		name := tls.VersionName(version)
		if first.TLS.DidResume || !resp.TLS.DidResume {
			t.Fatalf("%s: the client resumed nothing, so this shows nothing", name)
		}
		if before.Resumed || !before.Agreed.CertificateSent || !got.Resumed || got.Agreed.CertificateSent || got.Agreed.SignatureScheme != "" {
			t.Errorf("%s: first %+v %+v, then %+v %+v", name, before.Resumed, before.Agreed, got.Resumed, got.Agreed)
		}
		sameChain(t, got.Certificates, first.TLS.PeerCertificates)
		if len(got.Certificates) != 2 || !got.Certificates[1].IsCA || got.VouchedBy.Kind != "local" || !strings.Contains(got.VouchedBy.Issuer, "Turnkey development CA") {
			t.Errorf("%s: %+v vouched for by %+v", name, got.Certificates, got.VouchedBy)
		}
		_, _, page := s.connection(config, "https://localhost/")
		for want, there := range map[string]bool{
			"No certificate travelled this time": true, "CertificateVerify": false, "ServerKeyExchange": false,
			"TLS 1.2 agrees on nothing new": version == tls.VersionTLS12, "The secret itself never travels": version == tls.VersionTLS13,
		} {
			if strings.Contains(page, want) != there {
				t.Errorf("%s: %q on the page: %v, want %v", name, want, !there, there)
			}
		}
	}
}

// A client could otherwise have most of a megabyte kept for each connection that it leaves open.
func TestAHugeHelloIsNotRemembered(t *testing.T) {
	t.Parallel()
	s := start(t, prod)
	config := &tls.Config{NextProtos: append(strings.Split(strings.Repeat("x", 30_000), ""), "http/1.1")}
	if resp, info, body := s.connection(config, "https://shop.test/api/connection"); resp.StatusCode != 200 || info.ALPN != "http/1.1" || info.Offered != nil {
		t.Errorf("got %d %.500s, want all but the offer", resp.StatusCode, body)
	}
	if resp, _, body := s.connection(config, "https://shop.test/"); resp.StatusCode != 200 || !strings.Contains(body, "</html>") {
		t.Errorf("the page got %d %.500s", resp.StatusCode, body)
	}
}

// Requests that share a connection share what is known of it. The race detector watches.
func TestManyRequestsReadOneHandshake(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	cache := tls.NewLRUClientSessionCache(1)
	for range 2 { // the second time resumed
		transport := s.client.Transport.(*http.Transport).Clone()
		transport.TLSClientConfig.ClientSessionCache = cache
		client := &http.Client{Transport: transport, Timeout: 20 * time.Second}
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				resp, err := client.Get("https://localhost/api/connection")
				if err != nil {
					t.Error(err)
					return
				}
				defer resp.Body.Close()
				var got handlers.ConnectionInfo
				if err := json.NewDecoder(resp.Body).Decode(&got); err != nil || got.Offered == nil || len(got.Certificates) != 2 {
					t.Errorf("%v: %+v", err, got)
				}
			})
		}
		wg.Wait()
		transport.CloseIdleConnections()
	}
}

// Two connections with different offers, each asked twice in turn, are not mixed up.
func TestEachConnectionHasItsOwnHandshake(t *testing.T) {
	t.Parallel()
	s := start(t, prod)
	clients := map[string]*http.Client{}
	for group, id := range map[string]tls.CurveID{"secp256r1": tls.CurveP256, "secp521r1": tls.CurveP521} {
		transport := s.client.Transport.(*http.Transport).Clone()
		transport.TLSClientConfig.CurvePreferences = []tls.CurveID{id}
		defer transport.CloseIdleConnections()
		clients[group] = &http.Client{Transport: transport, Timeout: 20 * time.Second}
	}
	for range 2 {
		for group, client := range clients {
			resp, err := client.Get("https://shop.test/api/connection")
			if err != nil {
				t.Fatal(err)
			}
			var got handlers.ConnectionInfo
			json.NewDecoder(resp.Body).Decode(&got)
			resp.Body.Close()
			if got.KeyExchange != group || !slices.Equal(got.Offered.Groups, []string{group}) {
				t.Errorf("the connection of %s says %s of %q", group, got.KeyExchange, got.Offered.Groups)
			}
		}
	}
}

func TestBehindAProxyNothingIsInvented(t *testing.T) {
	t.Parallel()
	s := start(t, map[string]string{"ENV": "prod", "TLS_MODE": "proxy", "DOMAINS": "shop.test", "HTTPS_ADDR": ""})
	_, body := s.do("GET", "http://shop.test/api/connection", "", "X-Forwarded-Proto", "https", "X-Forwarded-For", "203.0.113.9")
	want := `{"scheme":"https","protocol":"HTTP/1.1","host":"shop.test","client":"203.0.113.9","proxied":true,"resumed":false,"vouched_by":{"kind":"proxy"}}`
	if strings.TrimSpace(body) != want {
		t.Errorf("got  %s\nwant %s", body, want)
	}
	_, page := s.do("GET", "http://shop.test/", "", "X-Forwarded-Proto", "https")
	for want, there := range map[string]bool{"This connection is private.": true, "known to them alone": true, "ClientHello": false, "forward secrecy": false, "Vouched": false} {
		if strings.Contains(page, want) != there {
			t.Errorf("%q on the page: %v, want %v", want, !there, there)
		}
	}
	// A proxy that does not say leaves it open.
	if _, page = s.do("GET", "http://shop.test/", ""); strings.Contains(page, "This connection is private.") || strings.Contains(page, "not encrypted.") {
		t.Errorf("nobody said how the visitor came, and the page claims to know:\n%s", page)
	}
}

// The TLS connection that a CDN opens is its own, not the visitor's.
func TestAProxysTLSIsNotTheVisitors(t *testing.T) {
	t.Parallel()
	settings := with(prod, "TRUSTED_PROXIES", "127.0.0.1")
	s := start(t, settings)
	config := &tls.Config{NextProtos: []string{"h2"}}
	if _, got, _ := s.connection(config, "https://shop.test/api/connection", "X-Forwarded-For", "203.0.113.9"); !got.Proxied || got.Offered == nil {
		t.Errorf("got %+v, want proxied, and the proxy's own handshake", got)
	}
	if _, _, page := s.connection(config, "https://shop.test/", "X-Forwarded-For", "203.0.113.9"); strings.Contains(page, "our browser began") || !strings.Contains(page, "The proxy began") {
		t.Errorf("the page takes the proxy for the visitor's browser:\n%s", page)
	}
	if _, got, _ := s.connection(config, "https://shop.test/api/connection"); got.Proxied {
		t.Error("a visitor who came directly is said to come by a proxy")
	}
	// A stranger's word makes no proxy of him.
	if _, got, _ := start(t, prod).connection(config, "https://shop.test/api/connection", "X-Forwarded-For", "203.0.113.9"); got.Proxied {
		t.Error("a stranger's header was believed")
	}
}

func TestAClientCertificateIsShown(t *testing.T) {
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
	s := start(t, with(prod, "TLS_CLIENT_CA_FILE", file))
	config := &tls.Config{NextProtos: []string{"h2"}, Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	_, got, _ := s.connection(config, "https://shop.test/api/connection")
	if c := got.ClientCertificate; c == nil || c.Subject != "ada" || c.DaysLeft != 2 || !c.SelfSigned {
		t.Errorf("the client's certificate is %+v, want ada's", c)
	}
	if _, _, page := s.connection(config, "https://shop.test/"); !strings.Contains(page, "<b>ada</b>") || !strings.Contains(page, "CertificateRequest") {
		t.Errorf("the page does not tell of ada's certificate:\n%s", page)
	}
}

// A source that has a configuration of its own for some hellos keeps it.
func TestASourceStillChoosesItsConfiguration(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	issue(t, dir, "shop.test")
	pair, err := tls.LoadX509KeyPair(filepath.Join(dir, "certs", "cert.pem"), filepath.Join(dir, "certs", "key.pem"))
	if err != nil {
		t.Fatal(err)
	}
	get := func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return &pair, nil }
	config := remember(&tls.Config{
		GetCertificate: get, NextProtos: []string{"h2", "special"},
		GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			if slices.Contains(hello.SupportedProtos, "special") {
				return &tls.Config{GetCertificate: get, NextProtos: []string{"special"}, MaxVersion: tls.VersionTLS12}, nil
			}
			return nil, nil
		},
	})
	ln, err := tls.Listen("tcp", "127.0.0.1:0", config)
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go func() { conn.(*tls.Conn).Handshake(); conn.Close() }()
		}
	}()
	for proto, version := range map[string]uint16{"special": tls.VersionTLS12, "h2": tls.VersionTLS13} {
		conn, err := tls.Dial("tcp", ln.Addr().String(), &tls.Config{InsecureSkipVerify: true, NextProtos: []string{proto}})
		if err != nil {
			t.Fatal(err)
		}
		if got := conn.ConnectionState(); got.NegotiatedProtocol != proto || got.Version != version {
			t.Errorf("%s got %s over %s, want %s", proto, got.NegotiatedProtocol, tls.VersionName(got.Version), tls.VersionName(version))
		}
		conn.Close()
	}
}

func TestThePagesNeedNothingInline(t *testing.T) {
	t.Parallel()
	s := start(t, nil, faulty)
	for _, path := range []string{"/", "/nowhere", "/panic"} {
		_, page := s.do("GET", "https://localhost"+path, "", "Accept", "text/html")
		for _, never := range []string{"<style", " style=", "<script", " onclick", " onload", "javascript:", "http://"} {
			if strings.Contains(page, never) {
				t.Errorf("%s has %q, which the policy refuses", path, never)
			}
		}
	}
}

// A renewal while a connection lives changes what the next one is shown, not what this one was.
func TestAConnectionRemembersTheCertificateItWasShown(t *testing.T) {
	t.Parallel()
	s := start(t, prod)
	ask := func(client *http.Client) (told string, seen string) {
		resp, err := client.Get("https://shop.test/api/connection")
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		var got handlers.ConnectionInfo
		if err := json.NewDecoder(resp.Body).Decode(&got); err != nil || len(got.Certificates) == 0 {
			t.Fatalf("%v: %+v", err, got)
		}
		return strings.ToLower(strings.ReplaceAll(got.Certificates[0].Fingerprint, ":", "")), fmt.Sprintf("%x", sha256.Sum256(resp.TLS.PeerCertificates[0].Raw))
	}
	fresh := func() *http.Client {
		transport := s.client.Transport.(*http.Transport).Clone()
		transport.TLSClientConfig.RootCAs.AppendCertsFromPEM(s.root())
		t.Cleanup(transport.CloseIdleConnections)
		return &http.Client{Transport: transport, Timeout: 20 * time.Second}
	}
	old := fresh()
	first, seen := ask(old)
	if first != seen {
		t.Fatalf("told %s, shown %s", first, seen)
	}
	issue(t, s.dir, "shop.test", "www.shop.test", "127.0.0.1")
	s.reload <- os.Interrupt
	s.logged("certificate renewed")
	if told, seen := ask(fresh()); told != seen || told == first {
		t.Errorf("after the renewal a connection was shown %s, and is told %s", seen, told)
	}
	if told, _ := ask(old); told != first {
		t.Errorf("the first connection is told %s, and was shown %s", told, first)
	}
}

// root is the authority that signed what start, or issue, put in place last.
func (s *site) root() []byte {
	s.t.Helper()
	data, err := os.ReadFile(filepath.Join(s.dir, "certs", "ca.pem"))
	if err != nil {
		s.t.Fatal(err)
	}
	return data
}
