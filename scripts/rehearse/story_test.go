package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const shop = "shop.example"

// The first visitor is refused, the next is served. The output reports each as it happened.
func TestVisitBeforeTheFirstCertificate(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	st.onHandshake = func(n int) {
		if n == 3 {
			st.serve(1)
		}
	}
	if _, err := st.story.issue(t.Context()); err != nil {
		t.Fatal(err)
	}
	st.told(t, "a first visitor's handshake is refused", shop+": challenge answered, certificate issued by Practice CA")
}

// A certificate of another issuer is not the test CA's, even if it verifies.
func TestCertificateMissingInTheCAsLogIsAFault(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	st.present(1)
	if _, err := st.story.issue(t.Context()); err == nil || !strings.Contains(err.Error(), "did not note") {
		t.Errorf("got %v, want that the authority did not note it", err)
	}
	st.note(1)
	if st.story.authority.hasIssued(st.leaf(1)) {
		t.Error("a certificate counts as issued without a challenge answered")
	}
}

// The site's log line about a failed order ends the wait for the certificate.
func TestAnOrderThatFails(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	st.story.troubles <- errors.New("shop.example: no certificate obtained: refused")
	if _, err := st.story.issue(t.Context()); err == nil || !strings.Contains(err.Error(), "refused") {
		t.Errorf("got %v, want what the site said", err)
	}
}

func TestRenewalIsSeenByAVisitor(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	st.serve(1)
	leaves, err := st.story.issue(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(3*visitEvery, func() { st.serve(2) })
	ctx, stop := context.WithTimeout(t.Context(), 20*time.Second)
	defer stop()
	if err := st.story.renew(ctx, leaves); err != nil {
		t.Fatal(err)
	}
	st.told(t, "certificate renewed, serial 1… → 2…", "none dropped")
}

// A dropped connection fails a rehearsal with ONCE=1. Without it, the output only reports the connection.
func TestAVisitorIsDropped(t *testing.T) {
	t.Parallel()
	for _, once := range []bool{true, false} {
		st := newStage(t)
		st.story.once = once
		st.serve(1)
		leaves, err := st.story.issue(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		st.status.Store(http.StatusServiceUnavailable)
		ctx, stop := context.WithCancel(t.Context())
		time.AfterFunc(5*visitEvery, func() { st.status.Store(http.StatusOK); st.serve(2) })
		defer stop()
		time.AfterFunc(12*visitEvery, stop)
		err = st.story.renew(ctx, leaves)
		if once {
			if err == nil || !strings.Contains(err.Error(), "dropped: it answers 503") {
				t.Errorf("got %v, want the visitor that was dropped", err)
			}
			continue
		}
		st.told(t, "✗ a visitor was dropped: it answers 503", shop+" answers again", "→ 2…")
		if strings.Contains(st.out.String(), "none dropped") || strings.Count(st.out.String(), "✗") != 1 {
			t.Errorf("told\n%s\nwant the dropped visitors counted, and told of once", st.out.String())
		}
	}
}

// A deployment with a fault must not be reported as a good one.
func TestFailedChecksAreNotReportedAsSuccess(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		spoil func(*stage)
		want  string
	}{
		{"in order", func(*stage) {}, ""},
		{"the page fails", func(st *stage) { st.status.Store(http.StatusInternalServerError) }, "500"},
		{"the redirect is temporary", func(st *stage) { st.redirect = http.StatusFound }, "want a permanent redirect (308)"},
		{"the redirect leads elsewhere", func(st *stage) { st.location = "https://elsewhere.example/" }, "elsewhere.example"},
		{"strangers are let in", func(st *stage) { st.strangers = http.StatusOK }, "want 421"},
	} {
		st := newStage(t)
		st.serve(1)
		test.spoil(st)
		err := st.story.look(t.Context())
		if test.want == "" {
			if err != nil {
				t.Errorf("%s: %v", test.name, err)
			}
			st.told(t, "https answers 200 (h2), Strict-Transport-Security: max-age=5", "http redirects 308 to https://shop.example:", "a stranger's host gets 421")
			continue
		}
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", test.name, err, test.want)
		}
	}
}

// Helpers

// stage is a site on real sockets that behaves as a test wants, and the log of a test CA.
type stage struct {
	story       *story
	out         text
	ca          *x509.Certificate
	key         *ecdsa.PrivateKey
	cert        atomic.Pointer[tls.Certificate]
	status      atomic.Int32
	redirect    int
	location    string
	strangers   int
	handshakes  atomic.Int32
	onHandshake func(n int)
}

func newStage(t *testing.T) *stage {
	t.Helper()
	st := &stage{redirect: http.StatusPermanentRedirect, strangers: http.StatusMisdirectedRequest, onHandshake: func(int) {}}
	st.status.Store(http.StatusOK)
	var err error
	if st.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		t.Fatal(err)
	}
	st.ca = st.sign(&x509.Certificate{SerialNumber: big.NewInt(100), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}, nil)

	secure := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Strict-Transport-Security", "max-age=5")
		if !strings.HasPrefix(r.Host, shop) {
			w.WriteHeader(st.strangers)
			return
		}
		w.WriteHeader(int(st.status.Load()))
	}))
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	secure.EnableHTTP2 = true
	// Until there is a certificate, httptest must not serve its own.
	secure.TLS = &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
		st.onHandshake(int(st.handshakes.Add(1)))
		return &tls.Config{NextProtos: []string{"h2"}, GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return st.cert.Load(), nil }}, nil
	}}
	secure.StartTLS()
	t.Cleanup(secure.Close)
	plain := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.Host, shop) {
			w.WriteHeader(st.strangers)
			return
		}
		w.Header().Set("Location", st.location)
		w.WriteHeader(st.redirect)
	}))
	t.Cleanup(plain.Close)

	port := func(s *httptest.Server) int { return s.Listener.Addr().(*net.TCPAddr).Port }
	st.location = siteURL("https", shop, port(secure))
	roots := x509.NewCertPool()
	roots.AddCert(st.ca)
	st.story = &story{project: "shop", names: []string{shop}, https: port(secure), plain: port(plain), once: true, out: &st.out, begin: time.Now(),
		authority: &authority{roots: roots, issued: map[string]bool{}}, visitor: newVisitor(roots, port(secure), port(plain)), troubles: make(chan error, 1)}
	return st
}

// serve presents a certificate that the authority issued after a challenge.
func (st *stage) serve(serial int64) {
	st.story.authority.listen("Pebble 2026/11/23 17:28:01 authz v7pu set VALID by completed challenge NLll")
	st.note(serial)
	st.present(serial)
}

func (st *stage) note(serial int64) {
	st.story.authority.listen(fmt.Sprintf("Pebble 2026/11/23 17:28:02 Issued certificate serial %016x for order p6Oi", serial))
}

func (st *stage) present(serial int64) {
	st.cert.Store(&tls.Certificate{Certificate: [][]byte{st.leaf(serial).Raw}, PrivateKey: st.key})
}

func (st *stage) leaf(serial int64) *x509.Certificate {
	return st.sign(&x509.Certificate{SerialNumber: big.NewInt(serial), DNSNames: []string{shop}}, st.ca)
}

// sign makes a certificate; without a parent, of the CA itself.
func (st *stage) sign(c, parent *x509.Certificate) *x509.Certificate {
	c.NotBefore, c.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	if parent == nil {
		c.Subject.CommonName = "Practice CA"
		parent = c
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, st.key.Public(), st.key)
	if err != nil {
		panic(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	return cert
}

// told checks that the output has these texts in this order.
func (st *stage) told(t *testing.T, want ...string) {
	t.Helper()
	rest := st.out.String()
	for _, words := range want {
		_, after, ok := strings.Cut(rest, words)
		if !ok {
			t.Errorf("told\n%s\nwant %q", st.out.String(), words)
			return
		}
		rest = after
	}
}

// text is written by one goroutine and read by another.
type text struct {
	mu   sync.Mutex
	data bytes.Buffer
}

func (b *text) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.data.Write(p)
}

func (b *text) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.data.String()
}
