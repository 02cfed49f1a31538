package acme

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"example.com/turnkey/tlsconfig/chain"
	"example.com/turnkey/tlsconfig/chain/chaintest"
	"example.com/turnkey/tlsconfig/internal/authority"
	"example.com/turnkey/tlsconfig/internal/cert"
	"example.com/turnkey/tlsconfig/internal/store"
)

// unreachable is the directory of a CA that refuses every connection.
const unreachable = "https://127.0.0.1:1/directory"

// newSource makes a source of certificates from the unreachable CA, with its store in cache.
func newSource(t testing.TB, cache string, notify func(cert.Event), domains ...string) *Source {
	t.Helper()
	slot, err := store.Config{Where: cache}.Open(unreachable)
	if err != nil {
		t.Fatal(err)
	}
	issuer, err := authority.New(authority.Options{Directory: unreachable, Store: slot})
	if err != nil {
		t.Fatal(err)
	}
	return New(Options{Domains: domains, Issuer: issuer, Store: slot, Settings: "some", Notify: notify,
		Log: slog.New(slog.DiscardHandler)})
}

// newCertificate makes a certificate for host, with its intermediate.
func newCertificate(t testing.TB, host string) *tls.Certificate {
	t.Helper()
	c, err := tls.X509KeyPair(chaintest.New(t, host).Good())
	if err != nil {
		t.Fatal(err)
	}
	return &c
}

// BenchmarkACMEGetCertificate measures GetCertificate of an ACME source, as a handshake calls it.
func BenchmarkACMEGetCertificate(b *testing.B) {
	s := newSource(b, b.TempDir(), nil, "a.test")
	s.hosts[0].serve(cert.Candidate{Certificate: lived(time.Hour)}, time.Now())
	for name, hello := range map[string]*tls.ClientHelloInfo{
		"known": {ServerName: "a.test"}, "unknown": {ServerName: "b.test"}, "absent": {},
		"challenge": {ServerName: "a.test", SupportedProtos: []string{"acme-tls/1"}},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				s.getCertificate(hello)
			}
		})
	}
}

// If the CA cannot be reached, the owner gets an event. When Run has returned, no goroutine is left.
func TestRunReportsFailuresAndLeavesNoGoroutine(t *testing.T) {
	events := make(chan cert.Event, 8)
	before := runtime.NumGoroutine()
	source := newSource(t, t.TempDir(), func(e cert.Event) { events <- e }, "a.example.test", "b.example.test")
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- source.Run(ctx) }()
	for range 2 {
		select {
		case e := <-events:
			if e.Kind != cert.Failed || e.Err == nil || !strings.Contains(e.Status.Error, "connection refused") ||
				e.Status.Failures != 1 {
				t.Errorf("got %+v", e)
			}
		case <-time.After(10 * time.Second):
			t.Fatal("no failure was told")
		}
	}
	// SIGHUP causes another attempt at once.
	source.Reload()
	select {
	case <-events:
	case <-time.After(10 * time.Second):
		t.Fatal("a reload did not try again")
	}
	cancel()
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(5 * time.Second):
		t.Fatal("Run does not end")
	}
	for start := time.Now(); runtime.NumGoroutine() > before; time.Sleep(10 * time.Millisecond) {
		if time.Since(start) > 5*time.Second {
			buf := make([]byte, 1<<16)
			t.Fatalf("%d goroutines before and %d after:\n%s", before, runtime.NumGoroutine(),
				buf[:runtime.Stack(buf, true)])
		}
	}
}

func next[T any](t *testing.T, ch <-chan T) T {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(10 * time.Second):
		t.Fatal("nothing comes")
		panic("unreachable")
	}
}

// scripted is an issuer without autocert.
type scripted struct {
	issue func(ctx context.Context, r cert.Request) (cert.Result, error)
	hello *tls.Certificate // for tls-alpn-01
}

func (scripted) Directory() string           { return "https://scripted.test" }
func (scripted) Ready(context.Context) error { return nil }
func (scripted) Keep(context.Context) error  { return nil }
func (i scripted) Issue(ctx context.Context, r cert.Request) (cert.Result, error) {
	return i.issue(ctx, r)
}
func (scripted) RenewalWindow(context.Context, *x509.Certificate) (*cert.Window, time.Duration, error) {
	return nil, 0, nil
}
func (i scripted) TLSChallenge(string, *tls.ClientHelloInfo) (*tls.Certificate, error) {
	return i.hello, nil
}
func (scripted) HTTPChallenge(token string) string { return "answer to " + token }

// Package acme uses an issuer only through the interface.
func TestAnyIssuerCanTakeThePlaceOfAutocert(t *testing.T) {
	t.Parallel()
	slot, err := store.Config{Where: t.TempDir()}.Open("https://scripted.test")
	if err != nil {
		t.Fatal(err)
	}
	const host = "shop.example.test"
	want := newCertificate(t, host)
	calls := make(chan string, 8)
	refused := &cert.Problem{Type: "urn:ietf:params:acme:error:caa", Detail: "no"}
	rehearsals := 0
	rehearsal := scripted{issue: func(context.Context, cert.Request) (cert.Result, error) {
		calls <- "rehearsal"
		if rehearsals++; rehearsals == 1 {
			return cert.Result{Placed: 1}, refused
		}
		return cert.Result{Placed: 1}, nil
	}}
	issuer := scripted{issue: func(_ context.Context, r cert.Request) (cert.Result, error) {
		calls <- "order for " + r.Host
		r.Keep(cert.Order{URL: "u", Key: []byte{1}, Expires: time.Now().Add(time.Hour)})
		return cert.Result{Candidate: cert.Candidate{Certificate: want}, Placed: 1}, nil
	}}
	events := make(chan cert.Event, 8)
	s := New(Options{Domains: []string{host}, Issuer: issuer, Rehearsal: rehearsal, Store: slot, Settings: "some",
		Log: slog.New(slog.DiscardHandler), Notify: func(e cert.Event) { events <- e }})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { s.Run(ctx); close(ended) }()
	defer func() { cancel(); <-ended }()

	if e := next(t, events); e.Kind != cert.Failed || !errors.Is(e.Err, refused) ||
		!strings.Contains(e.Status.Advice, "CAA") {
		t.Errorf("the rehearsal was refused, and the event is %+v", e)
	}
	s.Reload()
	e := next(t, events)
	if e.Kind != cert.Obtained || e.Status.Orders != 1 || e.Status.Failures != 0 {
		t.Errorf("the event is %+v, want a certificate and one order", e)
	}
	for _, want := range []string{"rehearsal", "rehearsal", "order for " + host} {
		if got := next(t, calls); got != want {
			t.Errorf("the issuers are called for %q, want %q", got, want)
		}
	}
	if got, _ := s.getCertificate(&tls.ClientHelloInfo{ServerName: host}); got != want {
		t.Error("the certificate is not served")
	}
	if data, err := slot.Get(ctx, host+".pem"); err != nil {
		t.Error(err)
	} else if pair := chain.Read(data, data); len(pair.Certs) != 2 || !pair.Certs[0].Equal(want.Leaf) {
		t.Error("the certificate is not in the store")
	}
}

func TestAnyIssuerCanAnswerChallenges(t *testing.T) {
	t.Parallel()
	const host = "shop.example.test"
	challenge := newCertificate(t, host)
	s := New(Options{Domains: []string{host}, Issuer: scripted{hello: challenge}, Log: slog.New(slog.DiscardHandler)})
	hello := &tls.ClientHelloInfo{ServerName: host, SupportedProtos: []string{alpnProto}}
	if got, _ := s.getCertificate(hello); got != challenge {
		t.Error("tls-alpn-01 is not answered by the issuer")
	}
	answer := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodGet, "http://"+strings.ToUpper(host)+":80"+challengePath+"x", nil)
	s.HTTPHandler(http.NotFoundHandler()).ServeHTTP(answer, r)
	if got := answer.Body.String(); got != "answer to x" {
		t.Errorf("http-01 is answered %q", got)
	}
}
