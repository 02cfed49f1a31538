package acme

import (
	"context"
	"errors"
	"fmt"
	"time"

	"example.com/turnkey/tlsconfig/internal/cert"
)

// attemptTimeout bounds what an issuer does for one attempt.
const attemptTimeout = 5 * time.Minute

// attempt is one try to get a host's certificate: a rehearsal, if one is due, and then the certificate itself.
type attempt struct {
	*host
	old      cert.Candidate // served when the attempt began
	pending  *cert.Order    // to go on with; nil: a new order
	failures int            // in a row, before this attempt
	started  time.Time
	placed   int // orders that the CA took last, in rehearsal or not
}

// obtain makes one attempt, and records its result. It fetches the certificate of a pending order. If there is none, it
// places an order, after a rehearsal if one is due.
func (h *host) obtain(ctx context.Context) {
	a := h.begin(ctx)
	if a.needsRehearsal() {
		if err := a.rehearse(ctx); err != nil {
			a.fail(err)
			return
		}
	}
	c, err := a.issue(ctx)
	switch {
	case err != nil && a.orderWasLost():
		a.settle(ctx, err)
	case err != nil:
		a.fail(err)
	case !c.Renews(a.old, a.pending == nil, time.Now()):
		a.keepOld(ctx, c)
	default:
		a.take(ctx, c)
	}
}

// begin stores the attempt as a failed one, before it starts.
func (h *host) begin(ctx context.Context) *attempt {
	a := &attempt{host: h, old: h.certificate(), pending: h.pendingOrder(), started: time.Now()}
	h.mu.Lock()
	a.failures = h.record.Failures
	h.record.Settings = h.source.options.Settings
	h.record.Failures = a.failures + 1
	h.record.Next = time.Now().Add(backoff(a.failures))
	h.mu.Unlock()
	// If this write fails, the attempt goes on: the process has the record in memory. A process that crashes in a loop
	// does not order each time, because load does not end before the record can be written.
	if err := h.saveRecord(ctx); err != nil {
		h.log.Error("the record of the attempt cannot be kept in ACME_CACHE", "error", err)
	}
	return a
}

// needsRehearsal reports whether the order should be rehearsed: the first one, and one after a failure.
func (a *attempt) needsRehearsal() bool {
	return a.source.options.Rehearsal != nil && a.pending == nil && (a.old.Certificate == nil || a.failures > 0)
}

// rehearse places a test order at the CA for rehearsals. An error means that the setup has a fault, which the CA of the
// certificates would find too.
func (a *attempt) rehearse(ctx context.Context) error {
	issuer, started := a.source.options.Rehearsal, time.Now()
	directory := issuer.Directory()
	_, err := a.try(ctx, issuer, cert.Request{Host: a.name, Log: a.log.With("rehearsal", directory)})
	problem, isProblem := errors.AsType[*cert.Problem](err)
	switch {
	case err == nil:
		a.log.Info("rehearsal passed", "directory", directory, "took", time.Since(started))
	case isProblem && problem.IsSetup(), errors.Is(err, context.Canceled):
		return fmt.Errorf("rehearsal at %s: %w", directory, err)
	default: // this says nothing about the setup
		a.log.Warn("the CA for rehearsals failed; the order is placed without a rehearsal",
			"directory", directory, "error", err)
	}
	return nil
}

// issue asks for the certificate.
func (a *attempt) issue(ctx context.Context) (cert.Candidate, error) {
	r := cert.Request{Host: a.name, Pending: a.pending, Keep: a.keepOrder, Log: a.log}
	a.mu.Lock()
	takesReplaces := a.takesReplaces
	a.mu.Unlock()
	if a.pending == nil && a.old.Certificate != nil && a.failures == 0 && takesReplaces {
		// The CA exempts such an order from its limits. After a failure it is left out, in case it was the cause.
		r.Replaces = a.old.Leaf
	}
	result, err := a.try(ctx, a.source.options.Issuer, r)
	if result.OrderOver {
		a.dropOrder(context.WithoutCancel(ctx))
	}
	a.mu.Lock()
	a.orders += uint64(result.Placed)
	a.mu.Unlock()
	return result.Candidate, err
}

// try lets an issuer make one attempt.
func (a *attempt) try(ctx context.Context, issuer Issuer, r cert.Request) (cert.Result, error) {
	ctx, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	result, err := issuer.Issue(ctx, r)
	a.placed = result.Placed
	return result, err
}

// orderWasLost reports whether the attempt could not complete a certificate because the CA no longer has its order,
// while clients may accept the certificate as it is.
func (a *attempt) orderWasLost() bool {
	a.mu.Lock()
	due := !time.Now().Before(a.renewAt)
	a.mu.Unlock()
	return a.pending != nil && a.pendingOrder() == nil && a.old.Lacks != "" && !a.old.Broken && !due
}
