package tlsconfig

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// obtain makes one attempt, and notes how it went. It fetches the certificate of a pending order, or places one, after a
// rehearsal where one is due.
func (h *acmeHost) obtain(ctx context.Context) {
	old, pending := h.served(), h.pendingOrder()
	h.mu.Lock()
	failures, replaceable := h.record.Failures, h.replaceable
	h.record.Settings = h.source.fingerprint
	h.record.Failures = failures + 1
	h.record.Next = time.Now().Add(rung(failures))
	h.mu.Unlock()
	// Where that cannot be written any more, this process still knows. It could be when the process started, or
	// load would not have ended; so a crash in a loop does not order without end either.
	if err := h.saveRecord(ctx); err != nil {
		h.log.Error("the attempt cannot be noted in ACME_CACHE", "error", err)
	}

	started := time.Now()
	o := order{host: h.name, pending: pending, keep: h.keepOrder, log: h.log}
	if pending == nil {
		if h.source.rehearsal != nil && (old.Certificate == nil || failures > 0) {
			if err := h.rehearse(ctx); err != nil {
				h.failed(err, failures, started)
				return
			}
		}
		if old.Certificate != nil && failures == 0 && replaceable {
			// It exempts the order from limits. One that was refused is tried without.
			o.replaces, _ = ariID(old.Leaf)
		}
	}
	cert, err := h.try(ctx, h.source.production, o)
	switch {
	case err != nil && pending != nil && h.pendingOrder() == nil && old.lacks != "" && !old.broken && time.Now().Before(h.renewal()):
		h.settle(ctx, err)
	case err != nil:
		h.failed(err, failures, started)
	case !cert.replaces(old, time.Now()) && (pending != nil || cert.rank() < old.rank()):
		// What was ordered just now is taken also where it ends sooner, as with another ACME_PROFILE or a CA near its own
		// end. Otherwise the old one would stay due, and be ordered again and again.
		h.keepOld(ctx, cert, old, failures, started)
	default:
		h.take(ctx, cert, old, failures, started)
	}
}

// rehearse tries the set-up at the authority that does not count. The error is a fault of the set-up.
func (h *acmeHost) rehearse(ctx context.Context) error {
	directory, started := h.source.rehearsal.directory, time.Now()
	_, err := h.try(ctx, h.source.rehearsal, order{host: h.name, log: h.log.With("rehearsal", directory)})
	problem, isProblem := errors.AsType[*Problem](err)
	switch {
	case err == nil:
		h.log.Info("rehearsal passed", "directory", directory, "took", time.Since(started))
	case isProblem && problem.isSetup(), errors.Is(err, context.Canceled):
		return fmt.Errorf("rehearsal at %s: %w", directory, err)
	default: // the other authority has a fault of its own, which says nothing of this one
		h.log.Warn("the rehearsal could not be held", "directory", directory, "error", err)
	}
	return nil
}

// take serves what came, and keeps it. What is not whole is fetched again at later attempts while the order lives.
func (h *acmeHost) take(ctx context.Context, cert, old candidate, failures int, started time.Time) {
	now := time.Now()
	rec := record{Settings: h.source.fingerprint, Obtained: now}
	if cert.lacks != "" {
		rec.Failures, rec.Next, rec.Problem = failures+1, now.Add(rung(failures)), &Problem{Detail: cert.lacks}
	}
	h.mu.Lock()
	h.unsaved, h.record = true, rec
	h.mu.Unlock()
	h.serve(cert, now) // served first, kept second
	kind, msg := Obtained, "certificate obtained"
	if old.Certificate != nil {
		kind, msg = Renewed, "certificate renewed"
	}
	h.log.Info(msg, "issuer", cert.Leaf.Issuer.CommonName, "not_after", cert.Leaf.NotAfter, "took", time.Since(started))
	h.sayLacking(cert)
	h.save(ctx)
	h.source.options.notify(Event{Kind: kind, Status: h.status()})
}

// keepOld notes that what came is no better than what is served.
func (h *acmeHost) keepOld(ctx context.Context, cert, old candidate, failures int, started time.Time) {
	if cert.lacks == "" {
		// The pending order was an older one, and its certificate is served or outlived. The next attempt orders. It waits
		// as after a failure: where the store cannot remove the order, it is read and fetched again.
		h.dropOrder(ctx)
		h.mu.Lock()
		h.record.Failures = failures
		h.mu.Unlock()
		return
	}
	if !old.Leaf.Equal(cert.Leaf) {
		h.failed(fmt.Errorf("the CA sent a certificate that visitors cannot verify as they can the present one: %s", cert.lacks), failures, started)
		return
	}
	h.mu.Lock()
	h.record.Next = time.Now().Add(rung(failures))
	h.record.Problem = &Problem{Detail: cert.lacks}
	h.mu.Unlock()
	if err := h.saveRecord(ctx); err != nil {
		h.setTrouble(fmt.Sprintf("writing ACME_CACHE: %v", err))
	}
}

// settle ends the wait for a better certificate of an order that the CA has no more: the present one is served until it
// is due.
func (h *acmeHost) settle(ctx context.Context, err error) {
	h.mu.Lock()
	h.record = record{Settings: h.source.fingerprint, Obtained: h.record.Obtained}
	h.mu.Unlock()
	h.log.Warn("the CA has the order no more, and its certificate did not come whole; it is served as it is", "error", err)
	if err := h.saveRecord(ctx); err != nil {
		h.setTrouble(fmt.Sprintf("writing ACME_CACHE: %v", err))
	}
}

func (h *acmeHost) renewal() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.renewAt
}

// try makes one attempt at one authority.
func (h *acmeHost) try(ctx context.Context, a *authority, o order) (candidate, error) {
	ctx, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	h.mu.Lock()
	h.spent = 0
	h.mu.Unlock()
	t, err := newAttempt(ctx, a, o)
	if err != nil {
		return candidate{}, err
	}
	h.attempt.Store(t)
	cert, err := t.issue(ctx)
	h.attempt.Store(nil)
	t.end()
	if a == h.source.production && t.way.lost() {
		h.dropOrder(context.WithoutCancel(ctx))
	}
	h.mu.Lock()
	h.spent = t.way.placed()
	if a == h.source.production {
		h.orders += uint64(h.spent)
	}
	h.mu.Unlock()
	return cert, err
}

// failed notes an attempt that came to nothing. The certificate in hand stays.
func (h *acmeHost) failed(err error, failures int, started time.Time) {
	if errors.Is(err, context.Canceled) {
		return // the process stops; the record says already when to try again
	}
	wait := rung(failures)
	problem, isProblem := errors.AsType[*Problem](err)
	if isProblem {
		wait = max(wait, problem.RetryAfter)
	} else {
		// Where no order was placed nothing was spent, and a certificate of a day has not the time for the whole ladder.
		h.mu.Lock()
		old, spent := h.cert, h.spent
		h.mu.Unlock()
		if old != nil && spent == 0 {
			wait = min(wait, max(ladder[0], time.Until(old.Leaf.NotAfter)/4))
		}
		problem = &Problem{Detail: err.Error()}
	}
	advice := problem.Advice(h.name)
	h.mu.Lock()
	h.record.Failures = failures + 1
	h.record.Next = time.Now().Add(wait)
	h.record.Problem = problem
	cert := h.cert
	h.mu.Unlock()
	attrs := []any{"error", err, "again_in", wait.Round(time.Second), "directory", h.source.production.directory, "took", time.Since(started)}
	if isProblem {
		attrs = append(attrs, "problem", problem)
	}
	if advice != "" {
		attrs = append(attrs, "advice", advice)
	}
	msg := "no certificate obtained"
	if cert != nil {
		msg = "certificate not renewed; the old one is served on"
		attrs = append(attrs, "not_after", cert.Leaf.NotAfter)
	}
	h.log.Error(msg, attrs...)
	if err := h.saveRecord(context.Background()); err != nil {
		h.setTrouble(fmt.Sprintf("writing ACME_CACHE: %v", err))
	}
	h.source.options.notify(Event{Kind: Failed, Status: h.status(), Err: err})
}
