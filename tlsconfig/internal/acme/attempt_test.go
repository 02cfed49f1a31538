package acme

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"testing"
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
		slot, err := store.Open(t.TempDir(), "https://scripted.test")
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
		h.obtain(t.Context())
		if stored.Failures != failures+1 || stored.Settings != "some" || !stored.Next.After(time.Now()) {
			t.Errorf("after %d failures the CA was asked with the record %+v, want one more and a wait", failures, stored)
		}
		if (asked.Replaces != nil) != renews {
			t.Errorf("after %d failures the CA is told what is renewed: %v", failures, asked.Replaces != nil)
		}
	}
}
