package handlers

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"example.com/turnkey/app/kit"
)

// One ClientHello is Chromium's, the other that of an old OpenSSL.
func TestAHelloIsDescribedInTheRegistrysNames(t *testing.T) {
	t.Parallel()
	got := describeHello(&tls.ClientHelloInfo{
		CipherSuites:      []uint16{0x2a2a, tls.TLS_AES_128_GCM_SHA256, 0x00ff, 0xffff, 0xc0ac},
		SupportedVersions: []uint16{0xfafa, tls.VersionTLS13, 0x0305},
		SupportedCurves:   []tls.CurveID{0xdada, tls.X25519MLKEM768, tls.CurveP256, 0x4242},
		SignatureSchemes:  []tls.SignatureScheme{tls.ECDSAWithP256AndSHA256, 0x0904, 0x4242},
		SupportedProtos:   []string{"\x0a\x0a", "h2", "\x00<b>"},
		Extensions:        []uint16{0x1a1a, 0, extensionVersions, extensionECH, 0x0a1a}, // the last is not GREASE
		ServerName:        "shop.test",
	})
	for what, pair := range map[string][2][]string{
		"versions": {got.Versions, {"GREASE 0xFAFA", "TLS 1.3", "0x0305"}},
		"cipher suites": {got.CipherSuites,
			{"GREASE 0x2A2A", "TLS_AES_128_GCM_SHA256", "TLS_EMPTY_RENEGOTIATION_INFO_SCSV", "0xFFFF", "0xC0AC"}},
		"groups":     {got.Groups, {"GREASE 0xDADA", "X25519MLKEM768", "secp256r1", "0x4242"}},
		"signatures": {got.SignatureSchemes, {"ecdsa_secp256r1_sha256", "mldsa44", "0x4242"}},
		"ALPN":       {got.ALPN, {"GREASE 0x0A0A", "h2", `"\x00<b>"`}},
	} {
		if !slices.Equal(pair[0], pair[1]) {
			t.Errorf("%s are %q, want %q", what, pair[0], pair[1])
		}
	}
	if got.GREASE != 5 || !got.ECH || got.ServerName != "shop.test" {
		t.Errorf("got %d GREASE values, ECH %v, name %q; want 5, true, shop.test", got.GREASE, got.ECH, got.ServerName)
	}
	// A client without TLS 1.3 sends only its highest version. crypto/tls guesses the others.
	versions := []uint16{tls.VersionTLS12, tls.VersionTLS11, tls.VersionTLS10}
	old := describeHello(&tls.ClientHelloInfo{SupportedVersions: versions, Extensions: []uint16{0, 10}})
	if !slices.Equal(old.Versions, []string{"TLS 1.2"}) || old.GREASE != 0 || old.ECH {
		t.Errorf("an old client offered %+v, want TLS 1.2 alone", old)
	}
}

func TestChainIsParsedOnceAndTheOldestAreForgotten(t *testing.T) {
	t.Parallel()
	pair := chainOfTwo(t)
	var c chains
	first := c.of(&pair)
	if len(first) != 2 || first[0].IsCA || !first[1].IsCA {
		t.Fatalf("the chain is %+v", first)
	}
	names := []string{"localhost", "127.0.0.1"}
	if leaf := first[0]; leaf.DaysLeft != 3 || leaf.Issuer != "E8, Let's Sign" || !slices.Equal(leaf.Names, names) {
		t.Fatalf("the leaf is %+v", leaf)
	}
	first[0].Key = "changed by the caller"
	served := pair.Certificate
	pair.Certificate = nil // a second parse would return an empty chain
	if again := c.of(&pair); len(again) != 2 || again[0].Key != "ECDSA P-256" {
		t.Errorf("the second time it is %+v", again)
	}
	pair.Certificate = served
	for range 3 * maxChains {
		other := pair
		c.of(&other)
	}
	if kept := len(*c.newest.Load()); kept != maxChains {
		t.Errorf("%d chains are kept, want %d", kept, maxChains)
	}
}

// chainOfTwo makes a leaf that is valid for three more days, and its CA.
func chainOfTwo(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	ca := &x509.Certificate{SerialNumber: big.NewInt(1),
		Subject:   pkix.Name{CommonName: "E8", Organization: []string{"Let's Sign"}},
		NotBefore: now, NotAfter: now.Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	leaf := &x509.Certificate{SerialNumber: big.NewInt(2), NotBefore: now, NotAfter: now.Add(73 * time.Hour),
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	pair := tls.Certificate{PrivateKey: key}
	for _, template := range []*x509.Certificate{leaf, ca} {
		der, err := x509.CreateCertificate(rand.Reader, template, ca, key.Public(), key)
		if err != nil {
			t.Fatal(err)
		}
		pair.Certificate = append(pair.Certificate, der)
	}
	return pair
}

func TestACertificatesTimeInWords(t *testing.T) {
	t.Parallel()
	now := time.Now()
	for _, test := range []struct {
		before, after time.Duration // hours from now
		left          string
		elapsed       int
	}{
		{-24 * 45, 24*45 + 1, "45 days left", 49}, {-30, 30, "1 day left", 50}, {-90, 10, "less than a day left", 90},
		{-100, -1, "expired", 100}, {1, 100, "4 days left", 0}, {0, 0, "expired", 100},
	} {
		c := certificate{NotBefore: now.Add(test.before * time.Hour), NotAfter: now.Add(test.after * time.Hour)}
		c.setDaysLeft(now.Add(time.Minute))
		if got := c.Elapsed(); c.Left() != test.left || got != test.elapsed {
			t.Errorf("from %d to %d hours: %q and %d %%, want %q and %d",
				test.before, test.after, c.Left(), got, test.left, test.elapsed)
		}
	}
}

// A handler that is tested without the server describes what net/http knows of the connection.
func TestAConnectionWithoutAServer(t *testing.T) {
	t.Parallel()
	gin.SetMode(gin.ReleaseMode)
	r := gin.New()
	connection(r, noServer{})
	srv := httptest.NewTLSServer(r)
	defer srv.Close()
	got, err := read(srv.Client(), srv.URL+"/api/connection")
	if err != nil || !strings.Contains(got, `"tls":"TLS 1.3"`) || strings.Contains(got, "offered") {
		t.Errorf("got %s %v, want the version and no offer", got, err)
	}
	req := httptest.NewRequest(http.MethodGet, "/api/connection", nil)
	rec := httptest.NewRecorder()
	r.ServeHTTP(rec, req)
	if got := rec.Body.String(); strings.Contains(got, `"tls"`) || !strings.Contains(got, `"proxied":true`) {
		t.Errorf("without TLS: %s", got)
	}
}

// noServer is a kit.Server for handlers that are tested without one.
type noServer struct{ kit.Server }

func (noServer) TLSMode() string { return "" }
func (noServer) Handshakes() func(*http.Request) *kit.Handshake {
	return func(*http.Request) *kit.Handshake { return nil }
}

func read(client *http.Client, url string) (string, error) {
	resp, err := client.Get(url)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	return string(data), err
}
