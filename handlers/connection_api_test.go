package handlers_test

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

	"example.com/turnkey/app/apptest"
	"example.com/turnkey/handlers"
)

// connection is the JSON of /api/connection.
type connection struct {
	Protocol    string `json:"protocol"`
	Proxied     bool   `json:"proxied"`
	TLS         string `json:"tls"`
	CipherSuite string `json:"cipher_suite"`
	KeyExchange string `json:"key_exchange"`
	ALPN        string `json:"alpn"`
	ServerName  string `json:"server_name"`
	Resumed     bool   `json:"resumed"`

	Agreed            agreement         `json:"agreed"`
	Offered           *offered          `json:"offered"`
	Certificates      []certificateInfo `json:"certificates"`
	ClientCertificate *certificateInfo  `json:"client_certificate"`
	VouchedBy         struct {
		Kind   string `json:"kind"`
		Issuer string `json:"issuer"`
	} `json:"vouched_by"`
}

type agreement struct {
	CertificateSent bool   `json:"certificate_sent"`
	SignatureScheme string `json:"signature_scheme"`
	ForwardSecrecy  bool   `json:"forward_secrecy"`
	PostQuantum     bool   `json:"post_quantum"`
	HelloRetry      bool   `json:"hello_retry"`
	ECH             bool   `json:"ech"`
}

type offered struct {
	Versions         []string `json:"versions"`
	CipherSuites     []string `json:"cipher_suites"`
	Groups           []string `json:"groups"`
	SignatureSchemes []string `json:"signature_schemes"`
	ALPN             []string `json:"alpn"`
	ServerName       string   `json:"server_name"`
	ECH              bool     `json:"ech"`
	GREASE           int      `json:"grease"`
}

type certificateInfo struct {
	Subject     string    `json:"subject"`
	Names       []string  `json:"names"`
	NotAfter    time.Time `json:"not_after"`
	DaysLeft    int       `json:"days_left"`
	Key         string    `json:"key"`
	Signature   string    `json:"signature"`
	Fingerprint string    `json:"fingerprint"`
	IsCA        bool      `json:"is_ca"`
	SelfSigned  bool      `json:"self_signed"`
}

// connect requests /api/connection over a new connection with these TLS settings. It returns what the client saw and
// what the site answered.
func connect(t *testing.T, site *apptest.Site, config *tls.Config, headers ...string) (*http.Response, connection) {
	t.Helper()
	visitor := site.Visitor()
	transport := visitor.Client.Transport.(*http.Transport)
	config = config.Clone()
	config.RootCAs = transport.TLSClientConfig.RootCAs
	transport.TLSClientConfig, transport.ForceAttemptHTTP2 = config, slices.Contains(config.NextProtos, "h2")
	req, err := http.NewRequestWithContext(t.Context(), "GET", visitor.URL+"/api/connection", nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := visitor.Client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var told connection
	if err := json.NewDecoder(resp.Body).Decode(&told); err != nil {
		t.Fatal(err)
	}
	return resp, told
}

func TestConnectionMatchesBothSides(t *testing.T) {
	t.Parallel()
	site := apptest.Start(t, handlers.Site)
	const (
		gcm    = tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384
		chacha = tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256

		gcmName, chachaName = "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"
	)
	for _, test := range []struct {
		name        string
		config      *tls.Config
		offered     offered // the parts of the ClientHello that depend on the client's settings
		version     string
		group       string
		scheme      string
		postQuantum bool
	}{
		{"TLS 1.3 over HTTP/2",
			&tls.Config{NextProtos: []string{"h2", "http/1.1"}, MinVersion: tls.VersionTLS12,
				CurvePreferences: []tls.CurveID{tls.X25519MLKEM768, tls.X25519}},
			offered{Versions: []string{"TLS 1.2", "TLS 1.3"}, Groups: []string{"X25519", "X25519MLKEM768"}},
			"TLS 1.3", "X25519MLKEM768", "ecdsa_secp256r1_sha256", true},
		{"TLS 1.3 over HTTP/1.1",
			&tls.Config{NextProtos: []string{"http/1.1"}, MinVersion: tls.VersionTLS13,
				CurvePreferences: []tls.CurveID{tls.CurveP384}},
			offered{Versions: []string{"TLS 1.3"}, Groups: []string{"secp384r1"},
				CipherSuites: []string{"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"}},
			"TLS 1.3", "secp384r1", "ecdsa_secp256r1_sha256", false},
		{"TLS 1.2 over HTTP/2",
			&tls.Config{NextProtos: []string{"h2", "http/1.1"}, MaxVersion: tls.VersionTLS12,
				CipherSuites: []uint16{gcm, chacha}, CurvePreferences: []tls.CurveID{tls.CurveP256}},
			offered{Versions: []string{"TLS 1.2"}, Groups: []string{"secp256r1"},
				CipherSuites: []string{gcmName, chachaName}},
			"TLS 1.2", "secp256r1", "", false},
		{"TLS 1.2 over HTTP/1.1",
			&tls.Config{NextProtos: []string{"http/1.1"}, MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{gcm},
				CurvePreferences: []tls.CurveID{tls.X25519}},
			offered{Versions: []string{"TLS 1.2"}, Groups: []string{"X25519"}, CipherSuites: []string{gcmName}},
			"TLS 1.2", "X25519", "", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			saw, told := connect(t, site, test.config)
			if cache := saw.Header.Get("Cache-Control"); cache != "no-store" {
				t.Errorf("Cache-Control is %q, want no-store", cache)
			}
			if told.TLS != test.version || told.KeyExchange != test.group || told.ServerName != "site.test" ||
				told.CipherSuite != tls.CipherSuiteName(saw.TLS.CipherSuite) || told.ALPN != saw.TLS.NegotiatedProtocol ||
				told.Protocol != saw.Proto || told.Proxied || told.Resumed {
				t.Errorf("it tells %+v, want what the client saw: %s %s", told, test.version, test.group)
			}
			want := agreement{CertificateSent: true, ForwardSecrecy: true,
				SignatureScheme: test.scheme, PostQuantum: test.postQuantum}
			if told.Agreed != want {
				t.Errorf("agreed on %+v, want %+v", told.Agreed, want)
			}
			if told.Offered == nil {
				t.Fatal("nothing is told of the offer")
			}
			sameOffer(t, "versions", told.Offered.Versions, test.offered.Versions)
			sameOffer(t, "groups", told.Offered.Groups, test.offered.Groups)
			sameOffer(t, "ALPN", told.Offered.ALPN, test.config.NextProtos)
			if test.offered.CipherSuites != nil {
				sameOffer(t, "cipher suites", told.Offered.CipherSuites, test.offered.CipherSuites)
			}
			if o := told.Offered; o.ServerName != "site.test" || o.ECH || o.GREASE != 0 ||
				!slices.Contains(o.SignatureSchemes, "ecdsa_secp256r1_sha256") {
				t.Errorf("offered %+v, want site.test, neither ECH nor GREASE, and the certificate's scheme", o)
			}
			sameChain(t, told.Certificates, saw.TLS.PeerCertificates)
			issuer := saw.TLS.PeerCertificates[0].Issuer.CommonName
			if by := told.VouchedBy; by.Kind != "files" || by.Issuer != issuer {
				t.Errorf("vouched for by %+v, want %s", by, issuer)
			}
		})
	}
}

// sameOffer compares lists without their order, which crypto/tls chooses.
func sameOffer(t *testing.T, what string, got, want []string) {
	t.Helper()
	if got, want := slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(want)); !slices.Equal(got, want) {
		t.Errorf("offered %s %q, want %q", what, got, want)
	}
}

// sameChain compares the chain in the site's answer with the chain that the client received.
func sameChain(t *testing.T, got []certificateInfo, want []*x509.Certificate) {
	t.Helper()
	if len(got) != len(want) || len(want) == 0 {
		t.Fatalf("%d certificates, the client saw %d", len(got), len(want))
	}
	for i, cert := range want {
		print := strings.ToLower(strings.ReplaceAll(got[i].Fingerprint, ":", ""))
		if print != fmt.Sprintf("%x", sha256.Sum256(cert.Raw)) {
			t.Errorf("certificate %d is %s, which is not what the client saw", i, print)
		}
		days := int(time.Until(cert.NotAfter).Hours() / 24)
		if got[i].IsCA != cert.IsCA || !got[i].NotAfter.Equal(cert.NotAfter) || got[i].DaysLeft != days ||
			!slices.Equal(got[i].Names[:len(cert.DNSNames)], cert.DNSNames) ||
			got[i].Signature != cert.SignatureAlgorithm.String() || got[i].Key != "ECDSA P-256" {
			t.Errorf("certificate %d is described as %+v", i, got[i])
		}
	}
}

// A resumed session carries no certificates, and in TLS 1.3 the server does not ask for one again.
func TestAResumedSessionSaysSo(t *testing.T) {
	t.Parallel()
	site := apptest.Start(t, handlers.Site, "ENV=dev")
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		t.Run(tls.VersionName(version), func(t *testing.T) {
			cache := tls.NewLRUClientSessionCache(1)
			config := &tls.Config{ClientSessionCache: cache, MaxVersion: version, NextProtos: []string{"h2"}}
			saw, first := connect(t, site, config)
			again, second := connect(t, site, config)
			if saw.TLS.DidResume || !again.TLS.DidResume {
				t.Fatal("the client resumed nothing, so this shows nothing")
			}
			if first.Resumed || !first.Agreed.CertificateSent {
				t.Errorf("the first connection: resumed %v, %+v", first.Resumed, first.Agreed)
			}
			if !second.Resumed || second.Agreed.CertificateSent || second.Agreed.SignatureScheme != "" {
				t.Errorf("the second connection: resumed %v, %+v", second.Resumed, second.Agreed)
			}
			sameChain(t, second.Certificates, saw.TLS.PeerCertificates)
			issuer := saw.TLS.PeerCertificates[0].Issuer.CommonName
			if len(second.Certificates) != 2 || !second.Certificates[1].IsCA || second.VouchedBy.Kind != "local" ||
				!strings.Contains(second.VouchedBy.Issuer, issuer) {
				t.Errorf("%+v vouched for by %+v, want the development CA %s", second.Certificates, second.VouchedBy, issuer)
			}
		})
	}
}

func TestProxiedConnectionHasNoTLSFields(t *testing.T) {
	t.Parallel()
	site := apptest.Start(t, handlers.Site, "TLS_MODE=proxy")
	got := site.Get("/api/connection", "X-Forwarded-Proto", "https", "X-Forwarded-For", "203.0.113.9").Body
	want := `{"scheme":"https","protocol":"HTTP/1.1","host":"site.test","client":"203.0.113.9","proxied":true,` +
		`"resumed":false,"vouched_by":{"kind":"proxy"}}`
	if strings.TrimSpace(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// The TLS connection is the proxy's, for example a CDN's. The answer must say so.
func TestProxiedConnectionHasTheProxysHandshake(t *testing.T) {
	t.Parallel()
	config := &tls.Config{NextProtos: []string{"h2"}}
	site := apptest.Start(t, handlers.Site, "TRUSTED_PROXIES=127.0.0.1")
	if _, got := connect(t, site, config, "X-Forwarded-For", "203.0.113.9"); !got.Proxied || got.Offered == nil {
		t.Errorf("got %+v, want proxied, and the proxy's own handshake", got)
	}
	if _, got := connect(t, site, config); got.Proxied {
		t.Error("a visitor who came directly is said to come by a proxy")
	}
	// The same header from a client that is no trusted proxy is ignored.
	if _, got := connect(t, apptest.Start(t, handlers.Site), config, "X-Forwarded-For", "203.0.113.9"); got.Proxied {
		t.Error("a stranger's header was believed")
	}
}

func TestAClientCertificateIsShown(t *testing.T) {
	t.Parallel()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: "ada"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(50 * time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "clients.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	site := apptest.Start(t, handlers.Site, "TLS_CLIENT_CA_FILE="+file)
	pair := tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
	_, got := connect(t, site, &tls.Config{NextProtos: []string{"h2"}, Certificates: []tls.Certificate{pair}})
	if c := got.ClientCertificate; c == nil || c.Subject != "ada" || c.DaysLeft != 2 || !c.SelfSigned {
		t.Errorf("the client's certificate is %+v, want ada's", c)
	}
}
