package tlsconfig

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"math/big"
	"net/http"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// The identifier of RFC 9773 §4.1's example.
func TestARIIdentifier(t *testing.T) {
	t.Parallel()
	leaf := &x509.Certificate{
		AuthorityKeyId: []byte{0x69, 0x88, 0x5b, 0x6b, 0x87, 0x46, 0x40, 0x41, 0xe1, 0xb3, 0x7b, 0x84, 0x7b, 0xa0, 0xae, 0x2c, 0xde, 0x01, 0xc8, 0xd4},
		SerialNumber:   new(big.Int).SetBytes([]byte{0x87, 0x65, 0x43, 0x21}),
	}
	if got, err := ariID(leaf); err != nil || got != "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE" {
		t.Errorf("got %q %v", got, err)
	}
}

func lived(life time.Duration) *tls.Certificate {
	now := time.Now()
	return &tls.Certificate{Leaf: &x509.Certificate{NotBefore: now, NotAfter: now.Add(life)}}
}

func TestRenewalTime(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	for life, want := range map[time.Duration]time.Duration{ // what is left, at least and at most a tenth or an hour more
		90 * day: 30 * day, 45 * day: 15 * day, 160 * time.Hour: 80 * time.Hour, 2 * time.Minute: time.Minute, 10 * day: 10 * day / 3,
	} {
		for range 100 {
			cert := lived(life)
			left := cert.Leaf.NotAfter.Sub(renewalTime(cert, time.Time{}))
			if slack := left - want; slack < 0 || slack > min(want/10, time.Hour)+time.Second {
				t.Fatalf("a certificate of %s is renewed with %s left, want %s and a little more", life, left, want)
			}
		}
	}
	// A certificate that is due from the first moment must not be a loop.
	old := lived(time.Hour)
	old.Leaf.NotBefore = time.Now().Add(-1000 * time.Hour)
	if wait := time.Until(renewalTime(old, time.Now())); wait < 19*time.Minute {
		t.Errorf("a certificate born old is renewed after %s", wait)
	}
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	for v, want := range map[string]time.Duration{
		"": 0, "120": 2 * time.Minute, "-1": 0, "soon": 0, "Mon, 23 Nov 2026 01:00:00 GMT": time.Hour, "Sun, 22 Nov 2026 01:00:00 GMT": 0, "999999999": 7 * 24 * time.Hour,
	} {
		if got := retryAfter(v, now); got != want {
			t.Errorf("%q: got %s, want %s", v, got, want)
		}
	}
}

func TestEveryCommonProblemHasAdvice(t *testing.T) {
	t.Parallel()
	for kind, words := range map[string]string{
		"dns": "A or AAAA", "connection": "ports 80 and 443", "caa": "CAA", "rateLimited": "staging", "externalAccountRequired": "ACME_EAB_KID", "rejectedIdentifier": "public name",
	} {
		if got := (Problem{Type: "urn:ietf:params:acme:error:" + kind}).Advice("shop.test"); !strings.Contains(got, words) {
			t.Errorf("%s: %q does not say %q", kind, got, words)
		}
	}
}

func TestStagingAndProductionHaveCornersOfTheirOwn(t *testing.T) {
	t.Parallel()
	if a, b := slug(ProductionDirectory), slug(StagingDirectory); a == b || strings.ContainsAny(a+b, "/:") {
		t.Errorf("the store's corners are %q and %q", a, b)
	}
}

// FuzzAnswer feeds whatever an authority may answer to what reads it.
func FuzzAnswer(f *testing.F) {
	f.Add(200, "application/json", `{"newOrder":"https://ca.test/order","challenges":[{"type":"http-01","error":{"type":"x","detail":"y"}}]}`)
	f.Add(429, "application/problem+json", `{"type":"urn:ietf:params:acme:error:rateLimited","subproblems":[{}]}`)
	f.Add(500, "text/html", "<html>")
	f.Fuzz(func(t *testing.T, status int, contentType, body string) {
		l := &listener{authority: &authority{}}
		r, _ := http.NewRequest("GET", "https://ca.test/dir", nil)
		l.note(r, &http.Response{StatusCode: status, Status: "status", Header: http.Header{"Content-Type": {contentType}, "Retry-After": {body}}}, []byte(body), false)
		if p := worst(l.said()); p != nil {
			_ = p.Error() + p.Advice("shop.test")
			if p.RetryAfter < 0 || p.RetryAfter > 7*24*time.Hour {
				t.Errorf("retry after %s", p.RetryAfter)
			}
		}
	})
}

// BenchmarkACMEGetCertificate is what a handshake asks of an ACME source.
func BenchmarkACMEGetCertificate(b *testing.B) {
	source, err := newACME(Options{Mode: ACME, Domains: []string{"a.test"}, Directory: "https://ca.test/dir", CacheDir: b.TempDir(), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	s := source.(*acmeSource)
	s.hosts[0].cert = lived(time.Hour)
	s.publish()
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

// An authority that nobody reaches: the owner is told, and when the source ends, nothing of it stays.
func TestRunEndsCleanAndFailuresAreTold(t *testing.T) {
	events := make(chan Event, 8)
	before := runtime.NumGoroutine()
	source, err := newACME(Options{Mode: ACME, Domains: []string{"a.example.test", "b.example.test"}, Directory: "https://127.0.0.1:1/directory",
		CacheDir: t.TempDir(), Log: slog.New(slog.DiscardHandler), Notify: func(e Event) { events <- e }})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- source.Run(ctx) }()
	for range 2 {
		select {
		case e := <-events:
			if e.Kind != Failed || e.Err == nil || !strings.Contains(e.Status.Error, "connection refused") || e.Status.Failures != 1 {
				t.Errorf("got %+v", e)
			}
		case <-time.After(10 * time.Second):
			t.Fatal("nobody was told")
		}
	}
	// An operator's SIGHUP is another attempt at once.
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
			t.Fatalf("%d goroutines before and %d after:\n%s", before, runtime.NumGoroutine(), buf[:runtime.Stack(buf, true)])
		}
	}
}

// A store that reads and does not write: each life of a crash loop would order anew.
func TestNothingIsOrderedBeforeTheStoreCanBeWritten(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	// A file where the authority's corner should be: its parent can be written, and it cannot.
	directoryURL := "https://127.0.0.1:1/directory"
	write(t, filepath.Join(dir, slug(directoryURL)), nil)
	events := make(chan Event, 8)
	source, err := newACME(Options{Mode: ACME, Domains: []string{"a.example.test"}, Directory: directoryURL,
		CacheDir: dir, Log: slog.New(slog.DiscardHandler), Notify: func(e Event) { events <- e }})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2500*time.Millisecond)
	defer cancel()
	if err := source.Run(ctx); err != nil {
		t.Error(err)
	}
	if len(events) > 0 {
		t.Errorf("an order was tried: %+v", <-events)
	}
	if got := source.Status()[0].Error; !strings.Contains(got, "ACME_CACHE") {
		t.Errorf("the status says %q, want what is wrong with ACME_CACHE", got)
	}
}

// A clock that was years ahead wrote a wait of years.
func TestARecordedWaitIsBounded(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	o := Options{Mode: ACME, Domains: []string{"a.example.test"}, Directory: "https://127.0.0.1:1/directory", CacheDir: dir, Log: slog.New(slog.DiscardHandler)}
	source, err := newACME(o)
	if err != nil {
		t.Fatal(err)
	}
	h := source.(*acmeSource).hosts[0]
	h.record = record{Settings: h.source.fingerprint, Failures: 3, Next: time.Now().AddDate(10, 0, 0)}
	if err := h.saveRecord(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := h.tryLoad(t.Context()); err != nil {
		t.Fatal(err)
	}
	if wait := time.Until(h.record.Next); wait > longestWait {
		t.Errorf("waits %s", wait)
	}
}

// The process stops in the moment a certificate arrives: there is nobody to try again.
func TestACertificateIsKeptWhenTheProcessStops(t *testing.T) {
	t.Parallel()
	source, err := newACME(Options{Mode: ACME, Domains: []string{"localhost"}, Directory: "https://127.0.0.1:1/directory", CacheDir: t.TempDir(), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	h := source.(*acmeSource).hosts[0]
	certFile, keyFile := pairFor(t, "localhost")
	cert, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		t.Fatal(err)
	}
	h.cert, h.unsaved = &cert, true
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	h.save(ctx)
	if data, err := h.source.production.store.get(t.Context(), "localhost.pem"); err != nil {
		t.Error(err)
	} else if _, err := readCertificate(data, "localhost"); err != nil {
		t.Error(err)
	}
}

// Let's Encrypt's staging is down: its production need not wait for it.
func TestARehearsalThatCannotBeHeldStopsNothing(t *testing.T) {
	t.Parallel()
	for _, p := range []Problem{{Type: "urn:ietf:params:acme:error:serverInternal"}, {Type: "urn:ietf:params:acme:error:rateLimited"}, {Type: "about:blank"}} {
		if p.isSetup() {
			t.Errorf("%s counts as a fault of the set-up", p.Type)
		}
	}
	for _, p := range []Problem{{Type: "urn:ietf:params:acme:error:dns"}, {Type: "urn:ietf:params:acme:error:connection", Challenge: "http-01"}} {
		if !p.isSetup() {
			t.Errorf("%s does not count as a fault of the set-up", p.Type)
		}
	}
}

// autocert throws away what is issued to a clock that is hours off; so nothing may be ordered by one.
func TestNothingIsOrderedByAWrongClock(t *testing.T) {
	t.Parallel()
	l := &listener{authority: &authority{}, ctx: t.Context(), maxOrders: 2}
	directory, _ := http.NewRequest("GET", "https://ca.test/dir", nil)
	l.note(directory, &http.Response{StatusCode: 200, Header: http.Header{
		"Content-Type": {"application/json"}, "Date": {time.Now().Add(2 * time.Hour).UTC().Format(http.TimeFormat)},
	}}, []byte(`{"newOrder":"https://ca.test/order"}`), false)
	order, _ := http.NewRequest("POST", "https://ca.test/order", strings.NewReader("{}"))
	if _, err := l.RoundTrip(order); err == nil || !strings.Contains(err.Error(), " behind the authority's") {
		t.Errorf("got %v, want that the clock is off", err)
	}
}

// Another process that shares the store has what this one is about to order.
func TestARenewalOfAnotherProcessIsTakenOver(t *testing.T) {
	t.Parallel()
	source, err := newACME(Options{Mode: ACME, Domains: []string{"localhost"}, Directory: "https://127.0.0.1:1/directory", CacheDir: t.TempDir(), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	h := source.(*acmeSource).hosts[0]
	if h.adopt(t.Context()) {
		t.Error("took over what is not there")
	}
	certFile, keyFile := pairFor(t, "localhost")
	cert, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		t.Fatal(err)
	}
	data, err := marshalCertificate(&cert)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.source.production.store.put(t.Context(), "localhost.pem", data); err != nil {
		t.Fatal(err)
	}
	h.record = record{Settings: h.source.fingerprint, Failures: 3, Problem: &Problem{Detail: "an old one"}}
	if err := h.saveRecord(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !h.adopt(t.Context()) || h.certificate() == nil {
		t.Error("a good certificate in the store was not taken over")
	}
	if h.adopt(t.Context()) {
		t.Error("took over what it has already")
	}
	if err := h.tryLoad(t.Context()); err != nil || h.record.Failures != 0 || h.record.Problem != nil {
		t.Errorf("the record still says %+v (%v)", h.record, err)
	}
}
