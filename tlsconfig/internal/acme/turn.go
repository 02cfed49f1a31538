package acme

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"example.com/turnkey/tlsconfig/internal/cert"
	"example.com/turnkey/tlsconfig/internal/store"
)

const (
	heldEvery = 2 * time.Second // while another process orders: look again for its certificate
	awayEvery = time.Minute     // while a shared store is away
)

// errSupplanted ends an attempt whose certificate has come from another process meanwhile.
var errSupplanted = errors.New("another process has put a newer certificate into ACME_CACHE")

// order makes an attempt, if it is this process's turn: no other process that shares the store makes one, none has just
// got the certificate, and none has just failed. It returns how long to wait until the next look.
func (h *host) order(ctx context.Context) time.Duration {
	lock, err := h.source.options.Store.Lock(ctx, cert.StoreName(h.name))
	switch {
	case errors.Is(err, store.ErrHeld):
		h.setNext("ordered by another process now", time.Time{})
		h.adopt(ctx)
		return heldEvery
	case err != nil && h.source.options.Store.Shared():
		if wait := h.untilAlone(time.Now()); wait > 0 {
			h.waitForStore(err)
			return min(wait, awayEvery)
		}
		h.setNext("ordered without ACME_CACHE now", time.Time{})
		h.obtain(ctx, nil)
		return 0
	case err == nil:
		defer h.unlock(ctx, lock)
		h.change(func(s *state) { s.fence, s.aloneAt, s.awayLogged = lock.Fence(), time.Time{}, false })
	}
	if h.adopt(ctx) || h.othersFailed(ctx) {
		return 0
	}
	if !h.opens(ctx) {
		return awayEvery
	}
	h.setNext("ordered now", time.Time{})
	h.obtain(ctx, lock)
	return 0
}

// opens reports whether this process has the keys for what the store has for the host. Another process, with another
// ACME_CACHE_KEY, may have stored something since the start.
func (h *host) opens(ctx context.Context) bool {
	for _, suffix := range []string{".pem", ".json", ".order"} {
		_, err := h.source.options.Store.Get(ctx, cert.StoreName(h.name)+suffix)
		if sealed, is := store.IsSealed(err); is {
			h.logSealed(sealed)
			return false
		}
	}
	if h.now().sealed {
		h.log.Info("the values in ACME_CACHE can be opened again")
		h.change(func(s *state) { s.trouble, s.sealed = "", false })
	}
	return true
}

// logSealed logs once why nothing is ordered, and nothing is taken from the store.
func (h *host) logSealed(err *store.SealedError) {
	if !h.now().sealed {
		h.log.Error("another process uses a key that is not in ACME_CACHE_KEY here; nothing is ordered or taken over "+
			"until it is", "error", err, "advice", err.Advice())
	}
	h.change(func(s *state) { s.sealed, s.trouble = true, err.Error() })
	h.setNext("nothing is ordered before ACME_CACHE_KEY has the key "+err.ID, time.Time{})
}

func (h *host) unlock(ctx context.Context, lock *store.Lock) {
	if err := lock.Unlock(ctx); err != nil {
		h.log.Debug("the lock in ACME_CACHE could not be released, and expires by itself", "error", err)
	}
}

// untilAlone returns how long to wait before ordering without the lock, if a shared store does not answer. Other
// processes that share it may do the same. So each waits until half of the time for the renewal is over, and then until
// a random moment before its end. Without a certificate nothing is ordered: a site that restarts in a loop would order
// each time.
func (h *host) untilAlone(now time.Time) time.Duration {
	s := h.now()
	c := s.served.Certificate
	if c == nil {
		return awayEvery
	}
	if s.aloneAt.IsZero() {
		margin := c.Leaf.NotAfter.Sub(s.renewAt)
		half := s.renewAt.Add(margin / 2)
		end := c.Leaf.NotAfter.Add(-min(24*time.Hour, margin/10))
		s.aloneAt = half.Add(rand.N(max(end.Sub(half), 1)))
		h.change(func(t *state) { t.aloneAt = s.aloneAt })
	}
	return s.aloneAt.Sub(now)
}

func (h *host) waitForStore(err error) {
	s := h.now()
	h.setTrouble("ACME_CACHE: " + err.Error())
	if s.served.Certificate == nil {
		h.setNext("nothing is ordered before ACME_CACHE answers", time.Time{})
	} else {
		h.setNext("ordered when ACME_CACHE answers, or without it at", s.aloneAt)
	}
	if !s.awayLogged {
		h.log.Error("ACME_CACHE does not answer, and other servers may order too; nothing is ordered until it answers, "+
			"or the renewal is urgent", "error", err, "alone_at", s.aloneAt)
	}
	h.change(func(s *state) { s.awayLogged = true })
}

// othersFailed reports whether the record in the store forbids an attempt, because another process has made one and
// failed. An attempt whose process died does not forbid one here, because this process saw it begin. A process that
// starts after that finds the attempt in the record and waits, so that a site that crashes in a loop does not order
// each time.
func (h *host) othersFailed(ctx context.Context) bool {
	if h.now().forced {
		return false
	}
	rec, err := h.readRecord(ctx)
	if err != nil || !rec.Next.After(h.now().record.Next) || !rec.Next.After(time.Now()) {
		return false
	}
	if rec.Problem == nil {
		h.change(func(s *state) { s.record.Failures = rec.Failures })
		return false
	}
	h.change(func(s *state) { s.record = rec })
	h.log.Warn("another process has failed to get the certificate; the next attempt waits",
		"failures", rec.Failures, "at", rec.Next, "error", rec.Problem)
	return true
}

// permit is asked before each request of an attempt that changes something at the CA. A process that slept, or whose
// store was away, may have lost its lock, and another one may have ordered since.
func (a *attempt) permit(ctx context.Context, commits bool) error {
	if err := a.lock.Held(); err != nil {
		return err
	}
	if !commits {
		return nil
	}
	c, err := a.stored(ctx)
	if sealed, is := store.IsSealed(err); is {
		return sealed
	}
	if err == nil && c.Newer(a.old, time.Now()) {
		return errSupplanted
	}
	return nil
}

// yield ends an attempt that was another process's to make. It is no failure.
func (a *attempt) yield(err error) {
	a.change(func(s *state) {
		s.record.Failures, s.record.Next = a.failures, time.Now().Add(heldEvery)
	})
	a.log.Warn("the attempt is given up", "reason", err)
}

// stored reads the certificate in the store. Its certificate is nil if there is none.
func (h *host) stored(ctx context.Context) (c cert.Candidate, err error) {
	data, err := h.source.options.Store.Get(ctx, cert.StoreName(h.name)+".pem")
	if store.IsMissing(err) {
		return c, nil
	}
	if err != nil {
		return c, err
	}
	return cert.Unmarshal(data, h.name)
}
