package acme

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"example.com/turnkey/tlsconfig/internal/cert"
	"example.com/turnkey/tlsconfig/internal/store"
)

// A process that crashes during an attempt has stored it as a failure. The CA learns which certificate an order renews,
// except after a failure, of which that may be the cause.
func TestAnAttemptIsStoredBeforeTheCAIsAsked(t *testing.T) {
	t.Parallel()
	const host = "shop.example.test"
	for failures, renews := range map[int]bool{0: true, 1: false} {
		slot, err := store.Config{Where: t.TempDir()}.Open("https://scripted.test")
		if err != nil {
			t.Fatal(err)
		}
		var stored record
		var asked cert.Request
		issuer := scripted{issue: func(ctx context.Context, r cert.Request) (cert.Result, error) {
			asked = r
			data, err := slot.Get(ctx, host+".json")
			if err != nil || json.Unmarshal(data, &stored) != nil {
				t.Errorf("the record cannot be read: %v", err)
			}
			return cert.Result{}, errors.New("the line is cut")
		}}
		h := New(Options{Domains: []string{host}, Issuer: issuer, Store: slot, Settings: "some",
			Log: slog.New(slog.DiscardHandler)}).hosts[0]
		h.serve(cert.Candidate{Certificate: newCertificate(t, host)}, time.Now())
		h.takesReplaces, h.record.Failures = true, failures
		h.obtain(t.Context(), nil)
		if stored.Failures != failures+1 || stored.Settings != "some" || !stored.Next.After(time.Now()) {
			t.Errorf("after %d failures the CA was asked with the record %+v, want one more and a wait", failures, stored)
		}
		if (asked.Replaces != nil) != renews {
			t.Errorf("after %d failures the CA is told what is renewed: %v", failures, asked.Replaces != nil)
		}
	}
}

// The process stops just when a certificate arrives. No later tick can store the certificate.
func TestACertificateIsKeptWhenTheProcessStops(t *testing.T) {
	t.Parallel()
	h := newSource(t, t.TempDir(), nil, "localhost").hosts[0]
	h.served.Certificate, h.unsaved = newCertificate(t, "localhost"), true
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	h.save(ctx)
	if data, err := h.source.options.Store.Get(t.Context(), "localhost.pem"); err != nil {
		t.Error(err)
	} else if _, err := cert.Unmarshal(data, "localhost"); err != nil {
		t.Error(err)
	}
}

// Another process that shares the store already has the certificate that this process is about to order.
func TestRenewalOfAnotherProcessIsUsed(t *testing.T) {
	t.Parallel()
	h := newSource(t, t.TempDir(), nil, "localhost").hosts[0]
	if h.adopt(t.Context()) {
		t.Error("took over what is not there")
	}
	data, err := cert.Marshal(newCertificate(t, "localhost"))
	if err != nil {
		t.Fatal(err)
	}
	if err := h.source.options.Store.Put(t.Context(), "localhost.pem", "", data, 0); err != nil {
		t.Fatal(err)
	}
	h.record = record{Settings: h.source.options.Settings, Failures: 3, Problem: &cert.Problem{Detail: "an old one"}}
	if err := h.saveRecord(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !h.adopt(t.Context()) || h.now().served.Certificate == nil {
		t.Error("a good certificate in the store was not taken over")
	}
	if h.adopt(t.Context()) {
		t.Error("took over what it has already")
	}
	if err := tryLoad(t, h); err != nil || h.record.Failures != 0 || h.record.Problem != nil {
		t.Errorf("the record still says %+v (%v)", h.record, err)
	}
}

// Another process may have put a certificate into the store that is newer than the pending order. The next attempt must
// wait, because a store that cannot remove the old order would make a loop.
func TestAPendingOrderThatIsOlderIsDroppedAndTheNextAttemptWaits(t *testing.T) {
	t.Parallel()
	h, now := newSource(t, t.TempDir(), nil, "a.test").hosts[0], time.Now()
	o := cert.NewOrder("https://ca.test/order", "https://ca.test/finalize", time.Time{}, now)
	if _, err := o.PrivateKey(); err != nil {
		t.Fatal(err)
	}
	h.keepOrder(o)
	if h.pendingOrder() == nil {
		t.Fatal("the order is not pending")
	}
	h.record.Failures, h.record.Next = 3, now.Add(time.Minute)
	a := &attempt{host: h, old: cert.Candidate{Certificate: lived(2 * time.Hour)}, failures: 2, started: now}
	a.keepOld(t.Context(), cert.Candidate{Certificate: lived(time.Hour)})
	if _, err := h.source.options.Store.Get(t.Context(), h.orderFile()); h.pendingOrder() != nil ||
		!store.IsMissing(err) {
		t.Errorf("the order is still there: %v", err)
	}
	if h.record.Failures != 2 || !h.record.Next.After(now) {
		t.Errorf("%d failures, and the next attempt is at %s; want those of before, and a wait", h.record.Failures,
			h.record.Next)
	}
}

// If the store can be read but not written, each start of a crash loop would order a new certificate.
func TestNothingIsOrderedBeforeTheStoreCanBeWritten(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	// A file replaces the directory of the CA's slot. The parent can be written, the slot cannot.
	if err := os.WriteFile(filepath.Join(dir, "127.0.0.1-1-directory"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		events := make(chan cert.Event, 8)
		source := newSource(t, dir, func(e cert.Event) { events <- e }, "a.example.test")
		ctx, cancel := context.WithTimeout(t.Context(), 24*time.Hour)
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
	})
}

// A clock that was years ahead has recorded a wait of years.
func TestARecordedWaitIsBounded(t *testing.T) {
	t.Parallel()
	h := newSource(t, t.TempDir(), nil, "a.example.test").hosts[0]
	h.record = record{Settings: h.source.options.Settings, Failures: 3, Next: time.Now().AddDate(10, 0, 0)}
	if err := h.saveRecord(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := tryLoad(t, h); err != nil {
		t.Fatal(err)
	}
	if wait := time.Until(h.record.Next); wait > longestNext {
		t.Errorf("waits %s", wait)
	}
}

func lived(life time.Duration) *tls.Certificate {
	now := time.Now()
	return &tls.Certificate{Leaf: &x509.Certificate{NotBefore: now, NotAfter: now.Add(life)}}
}

func TestRenewalTime(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	// A random part of up to a tenth of the time left, or an hour, makes the renewal earlier.
	for life, want := range map[time.Duration]time.Duration{ // the least time left at renewal
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
	// A certificate whose renewal is due at once must not cause a loop of orders.
	old := lived(time.Hour)
	old.Leaf.NotBefore = time.Now().Add(-1000 * time.Hour)
	if wait := time.Until(renewalTime(old, time.Now())); wait < 19*time.Minute {
		t.Errorf("a certificate born old is renewed after %s", wait)
	}
}

// tryLoad reads once what an earlier run stored.
func tryLoad(t *testing.T, h *host) error {
	t.Helper()
	if err := h.loadCertificate(t.Context()); err != nil {
		return err
	}
	return h.loadRest(t.Context())
}
