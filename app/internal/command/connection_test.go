package command

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
	"testing"
	"time"

	"example.com/turnkey/handlers"
)

// The tests of handlers/connection.go. They start your own site, and go with that file.

// connection asks /api/connection over a connection of its own.
func (s *site) connection(config *tls.Config, host string, headers ...string) (*http.Response, handlers.ConnectionInfo) {
	s.t.Helper()
	resp, body := s.over(config).do("GET", "https://"+host+"/api/connection", "", headers...)
	var info handlers.ConnectionInfo
	if err := json.Unmarshal([]byte(body), &info); err != nil {
		s.t.Fatalf("%s: %v", body, err)
	}
	return resp, info
}

func TestAConnectionTellsWhatBothSidesSaw(t *testing.T) {
	t.Parallel()
	s := startSite(t, prod, handlers.Site)
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
			resp, got := s.connection(test.config, "shop.test")
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
	s := startSite(t, nil, handlers.Site)
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		config := &tls.Config{ClientSessionCache: tls.NewLRUClientSessionCache(1), MaxVersion: version, NextProtos: []string{"h2"}}
		first, before := s.connection(config, "localhost")
		resp, got := s.connection(config, "localhost")
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
	}
}

func TestBehindAProxyNothingIsInvented(t *testing.T) {
	t.Parallel()
	s := startSite(t, map[string]string{"ENV": "prod", "TLS_MODE": "proxy", "DOMAINS": "shop.test", "HTTPS_ADDR": ""}, handlers.Site)
	_, body := s.do("GET", "http://shop.test/api/connection", "", "X-Forwarded-Proto", "https", "X-Forwarded-For", "203.0.113.9")
	want := `{"scheme":"https","protocol":"HTTP/1.1","host":"shop.test","client":"203.0.113.9","proxied":true,"resumed":false,"vouched_by":{"kind":"proxy"}}`
	if strings.TrimSpace(body) != want {
		t.Errorf("got  %s\nwant %s", body, want)
	}
}

// The TLS connection that a CDN opens is its own, not the visitor's.
func TestAProxysTLSIsNotTheVisitors(t *testing.T) {
	t.Parallel()
	settings := with(prod, "TRUSTED_PROXIES", "127.0.0.1")
	s := startSite(t, settings, handlers.Site)
	config := &tls.Config{NextProtos: []string{"h2"}}
	if _, got := s.connection(config, "shop.test", "X-Forwarded-For", "203.0.113.9"); !got.Proxied || got.Offered == nil {
		t.Errorf("got %+v, want proxied, and the proxy's own handshake", got)
	}
	if _, got := s.connection(config, "shop.test"); got.Proxied {
		t.Error("a visitor who came directly is said to come by a proxy")
	}
	// A stranger's word makes no proxy of him.
	if _, got := startSite(t, prod, handlers.Site).connection(config, "shop.test", "X-Forwarded-For", "203.0.113.9"); got.Proxied {
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
	s := startSite(t, with(prod, "TLS_CLIENT_CA_FILE", file), handlers.Site)
	config := &tls.Config{NextProtos: []string{"h2"}, Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	_, got := s.connection(config, "shop.test")
	if c := got.ClientCertificate; c == nil || c.Subject != "ada" || c.DaysLeft != 2 || !c.SelfSigned {
		t.Errorf("the client's certificate is %+v, want ada's", c)
	}
}
