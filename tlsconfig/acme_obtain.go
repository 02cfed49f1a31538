package tlsconfig

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"time"
)

// obtain makes one attempt, after a rehearsal where one is due, and notes how it went.
func (h *acmeHost) obtain(ctx context.Context) {
	h.mu.Lock()
	old := h.cert
	rehearse := h.source.rehearsal != nil && (old == nil || h.record.Failures > 0)
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
	if rehearse {
		_, err := h.try(ctx, h.source.rehearsal, order{host: h.name})
		problem, isProblem := errors.AsType[*Problem](err)
		switch {
		case err == nil:
			h.log.Info("rehearsal passed", "directory", h.source.rehearsal.directory, "took", time.Since(started))
		case isProblem && problem.isSetup(), errors.Is(err, context.Canceled):
			h.failed(fmt.Errorf("rehearsal at %s: %w", h.source.rehearsal.directory, err), failures, started)
			return
		default: // the stage has a fault of its own, and says nothing of the play
			h.log.Warn("the rehearsal could not be held", "directory", h.source.rehearsal.directory, "error", err)
		}
	}
	o := order{host: h.name}
	if old != nil && failures == 0 && replaceable {
		// It exempts the order from limits. One that was refused is tried without.
		o.replaces, _ = ariID(old.Leaf)
	}
	cert, err := h.try(ctx, h.source.production, o)
	if err == nil {
		err = fresh(cert, time.Now())
	}
	if err != nil {
		h.failed(err, failures, started)
		return
	}

	now := time.Now()
	h.mu.Lock()
	h.cert, h.unsaved = cert, true
	h.record = record{Settings: h.source.fingerprint, Obtained: now}
	h.renewAt = renewalTime(cert, now)
	h.ariNext, h.ariWindow = time.Time{}, window{}
	h.mu.Unlock()
	h.source.publish() // served first, kept second
	kind, msg := Obtained, "certificate obtained"
	if old != nil {
		kind, msg = Renewed, "certificate renewed"
	}
	h.log.Info(msg, "issuer", cert.Leaf.Issuer.CommonName, "not_after", cert.Leaf.NotAfter, "took", time.Since(started))
	h.save(ctx)
	h.source.options.notify(Event{Kind: kind, Status: h.status()})
}

// try makes one attempt at one authority.
func (h *acmeHost) try(ctx context.Context, a *authority, o order) (*tls.Certificate, error) {
	ctx, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	h.mu.Lock()
	h.spent = 0
	h.mu.Unlock()
	t, err := newAttempt(ctx, a, o)
	if err != nil {
		return nil, err
	}
	h.attempt.Store(t)
	cert, err := t.issue(ctx, h.name)
	h.attempt.Store(nil)
	t.end()
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
