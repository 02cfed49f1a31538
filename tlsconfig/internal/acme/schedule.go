package acme

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"math/rand/v2"
	"time"

	"example.com/turnkey/tlsconfig/chain"
	"example.com/turnkey/tlsconfig/internal/cert"
)

// firstBackoff is the wait after the first failure, and the shortest of all.
const firstBackoff = time.Minute

// backoff returns the wait after one more failure than failures: what Let's Encrypt asks of clients
// (letsencrypt.org/docs/integration-guide, "Retrying failures").
func backoff(failures int) time.Duration {
	waits := [...]time.Duration{firstBackoff, 10 * time.Minute, 100 * time.Minute, 24 * time.Hour}
	return waits[min(failures, len(waits)-1)]
}

// renewalTime returns when a certificate is due: with chain.Margin of its life left, and up to a tenth of that earlier
// so that hosts do not come all at once. It is never sooner than after a third of what was left when the certificate
// was obtained, because one that is due at once would be renewed in a loop.
func renewalTime(c *tls.Certificate, obtained time.Time) time.Time {
	leaf, left := c.Leaf, chain.Margin(c.Leaf)
	left += rand.N(min(left/10, time.Hour) + 1)
	at := leaf.NotAfter.Add(-left)
	if floor := obtained.Add(leaf.NotAfter.Sub(obtained) / 3); !obtained.IsZero() && at.Before(floor) {
		at = floor
	}
	return at
}

// windowEvery is how often the CA is asked for its window, if it names no interval. Let's Encrypt asks for twice a day
// at least.
const windowEvery = 6 * time.Hour

// askRenewalWindow asks the CA when it would like the certificate renewed, if that was not asked lately.
func (h *host) askRenewalWindow(ctx context.Context) {
	before, now := h.now(), time.Now()
	c := before.served.Certificate
	if c == nil || now.Before(before.askNext) {
		return
	}
	var w *cert.Window
	var again time.Duration
	err := h.source.asking.do(ctx, func() (err error) {
		w, again, err = h.source.options.Issuer.RenewalWindow(ctx, c.Leaf)
		return err
	})
	if again == 0 {
		again = windowEvery
	}
	again = min(max(again, time.Hour), 24*time.Hour)
	again += rand.N(again / 10)
	if err != nil {
		h.log.Debug("no renewal information", "error", err)
	}
	h.change(func(s *state) {
		s.askNext = now.Add(again)
		s.takesReplaces = err == nil && w != nil
		if !s.takesReplaces || *w == before.window || s.served.Certificate != c {
			return // none, chosen from already, or of another certificate
		}
		s.window = *w
		if at, ok := choose(*w, c.Leaf, before.record.Obtained, now); ok {
			s.renewAt = at
			h.log.Info("the CA suggests when to renew", "from", w.Start, "to", w.End, "renewed_at", at)
		}
	})
}

// choose picks a moment of the window at random, as RFC 9773 §4.2 asks of clients, so that they do not come all at
// once. A window wider than half the certificate's life suggests nothing, unless it is over already. The moment is not
// later than the own schedule, which leaves time for retries. It is not sooner than a day after issuance (a third of a
// short life), in case the CA always answers "now".
func choose(w cert.Window, leaf *x509.Certificate, obtained, now time.Time) (at time.Time, ok bool) {
	width := w.End.Sub(w.Start)
	switch {
	case w.End.Before(now):
		at = now
	case width > leaf.NotAfter.Sub(leaf.NotBefore)/2 || w.Start.After(leaf.NotAfter):
		return time.Time{}, false
	default:
		at = w.Start.Add(rand.N(width))
	}
	if own := renewalTime(&tls.Certificate{Leaf: leaf}, obtained); at.After(own) {
		at = own
	}
	if floor := obtained.Add(min(24*time.Hour, leaf.NotAfter.Sub(obtained)/3)); at.Before(floor) {
		at = floor
	}
	return at, true
}
