package acme

import (
	"context"
	"crypto/x509"
	"math/rand/v2"
	"time"

	"example.com/turnkey/tlsconfig/internal/cert"
)

// windowEvery is how often the CA is asked for its window, if it names no interval. Let's Encrypt asks for twice a day
// at least.
const windowEvery = 6 * time.Hour

// askRenewalWindow asks the CA when it would like the certificate renewed, if that was not asked lately.
func (h *host) askRenewalWindow(ctx context.Context) {
	h.mu.Lock()
	c, next, had, obtained := h.served.Certificate, h.askNext, h.window, h.record.Obtained
	h.mu.Unlock()
	now := time.Now()
	if c == nil || now.Before(next) {
		return
	}
	w, again, err := h.source.options.Issuer.RenewalWindow(ctx, c.Leaf)
	if again == 0 {
		again = windowEvery
	}
	again = min(max(again, time.Hour), 24*time.Hour)
	again += rand.N(again / 10)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.askNext = now.Add(again)
	h.takesReplaces = err == nil && w != nil
	switch {
	case err != nil:
		h.log.Debug("no renewal information", "error", err)
		return
	case w == nil, *w == had, h.served.Certificate != c: // none, chosen from already, or of another certificate
		return
	}
	h.window = *w
	at, ok := choose(*w, c.Leaf, now)
	if !ok {
		return
	}
	// Not later than the own schedule, which leaves time for retries. Not sooner than a day after issuance (a third of
	// a short life), in case the CA always answers "now".
	if own := renewalTime(c, obtained); at.After(own) {
		at = own
	}
	if floor := obtained.Add(min(24*time.Hour, c.Leaf.NotAfter.Sub(obtained)/3)); at.Before(floor) {
		at = floor
	}
	h.renewAt = at
	h.log.Info("the authority suggests when to renew", "from", w.Start, "to", w.End, "renewed_at", at)
}

// choose picks a moment of the window at random, as RFC 9773 §4.2 asks of clients, so that they do not come all at
// once. A window wider than half the certificate's life suggests nothing, unless it is over already.
func choose(w cert.Window, leaf *x509.Certificate, now time.Time) (at time.Time, ok bool) {
	if w.End.Before(now) {
		return now, true
	}
	width := w.End.Sub(w.Start)
	if width > leaf.NotAfter.Sub(leaf.NotBefore)/2 || w.Start.After(leaf.NotAfter) {
		return time.Time{}, false
	}
	return w.Start.Add(rand.N(width)), true
}
