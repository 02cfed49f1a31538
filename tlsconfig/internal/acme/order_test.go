package acme

import (
	"testing"
	"time"

	"example.com/turnkey/tlsconfig/internal/cert"
	"example.com/turnkey/tlsconfig/internal/store"
)

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
