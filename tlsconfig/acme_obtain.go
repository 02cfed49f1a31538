package tlsconfig

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// obtain makes one attempt, and records its result. It fetches the certificate of a pending order. Where there is none, it
// places an order, after a rehearsal if one is due.
func (h *acmeHost) obtain(ctx context.Context) {
	old, pending := h.served(), h.pendingOrder()
	h.mu.Lock()
	failures, replaceable := h.record.Failures, h.replaceable
	h.record.Settings = h.source.fingerprint
	h.record.Failures = failures + 1
	h.record.Next = time.Now().Add(rung(failures))
	h.mu.Unlock()
	// If this write fails, the process goes on: it still has the record in memory. A process that crashes in a loop does not
	// order each time, because load does not end before the record can be written.
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
			// The CA exempts such an order from its limits. After a failure it is left out, in case it was the cause.
			o.replaces, _ = ariID(old.Leaf)
		}
	}
	cert, err := h.try(ctx, h.source.production, o)
	switch {
	case err != nil && pending != nil && h.pendingOrder() == nil && old.lacks != "" && !old.broken &&
		time.Now().Before(h.renewal()):
		h.settle(ctx, err)
	case err != nil:
		h.failed(err, failures, started)
	case !cert.renews(old, pending == nil, time.Now()):
		h.keepOld(ctx, cert, old, failures, started)
	default:
		h.take(ctx, cert, old, failures, started)
	}
}

// rehearse places a test order at the authority for rehearsals. An error means that the set-up has a fault.
func (h *acmeHost) rehearse(ctx context.Context) error {
	directory, started := h.source.rehearsal.directory, time.Now()
	_, err := h.try(ctx, h.source.rehearsal, order{host: h.name, log: h.log.With("rehearsal", directory)})
	problem, isProblem := errors.AsType[*Problem](err)
	switch {
	case err == nil:
		h.log.Info("rehearsal passed", "directory", directory, "took", time.Since(started))
	case isProblem && problem.isSetup(), errors.Is(err, context.Canceled):
		return fmt.Errorf("rehearsal at %s: %w", directory, err)
	default: // a fault of the authority for rehearsals, which the real one need not have
		h.log.Warn("the rehearsal could not be held", "directory", directory, "error", err)
	}
	return nil
}

// take serves the certificate that came, and stores it. Later attempts fetch an incomplete one again until its order expires.
func (h *acmeHost) take(ctx context.Context, cert, old candidate, failures int, started time.Time) {
	now := time.Now()
	rec := record{Settings: h.source.fingerprint, Obtained: now}
	if cert.lacks != "" {
		rec.Failures, rec.Next, rec.Problem = failures+1, now.Add(rung(failures)), &Problem{Detail: cert.lacks}
	}
	h.mu.Lock()
	h.unsaved, h.record = true, rec
	h.mu.Unlock()
	h.serve(cert, now) // before it is stored: visitors do not wait for the store
	kind, msg := Obtained, "certificate obtained"
	if old.Certificate != nil {
		kind, msg = Renewed, "certificate renewed"
	}
	h.log.Info(msg, "issuer", cert.Leaf.Issuer.CommonName, "not_after", cert.Leaf.NotAfter, "took", time.Since(started))
	h.sayLacking(cert)
	h.save(ctx)
	h.source.options.notify(Event{Kind: kind, Status: h.status()})
}

// keepOld records that the certificate that came is no better than the one that is served.
func (h *acmeHost) keepOld(ctx context.Context, cert, old candidate, failures int, started time.Time) {
	if cert.lacks == "" {
		// The pending order is older than the certificate that is served. The next attempt places a new order. It waits as
		// after a failure, because a store that cannot remove the old order makes the next attempt fetch that again.
		h.dropOrder(ctx)
		h.mu.Lock()
		h.record.Failures = failures
		h.mu.Unlock()
		return
	}
	if !old.Leaf.Equal(cert.Leaf) {
		h.failed(fmt.Errorf("the CA sent a certificate that visitors cannot verify as they can the present one: %s",
			cert.lacks), failures, started)
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

// settle ends the attempts to complete a certificate whose order the CA no longer has. The certificate is served as it is
// until its renewal is due.
func (h *acmeHost) settle(ctx context.Context, err error) {
	h.mu.Lock()
	h.record = record{Settings: h.source.fingerprint, Obtained: h.record.Obtained}
	h.mu.Unlock()
	h.log.Warn("the CA no longer has the order; its incomplete certificate is served until the renewal is due", "error", err)
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
