package acme

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"example.com/turnkey/tlsconfig/internal/cert"
)

// If the store can be read but not written, each start of a crash loop would order a new certificate.
func TestNothingIsOrderedBeforeTheStoreCanBeWritten(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	// A file replaces the directory of the CA's slot. The parent can be written, the slot cannot.
	if err := os.WriteFile(filepath.Join(dir, "127.0.0.1-1-directory"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	events := make(chan cert.Event, 8)
	source := newSource(t, dir, func(e cert.Event) { events <- e }, "a.example.test")
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

// A clock that was years ahead has recorded a wait of years.
func TestARecordedWaitIsBounded(t *testing.T) {
	t.Parallel()
	h := newSource(t, t.TempDir(), nil, "a.example.test").hosts[0]
	h.record = record{Settings: h.source.options.Settings, Failures: 3, Next: time.Now().AddDate(10, 0, 0)}
	if err := h.saveRecord(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := h.tryLoad(t.Context()); err != nil {
		t.Fatal(err)
	}
	if wait := time.Until(h.record.Next); wait > longestNext {
		t.Errorf("waits %s", wait)
	}
}
