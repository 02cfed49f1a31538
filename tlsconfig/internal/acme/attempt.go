package acme

import (
	"context"
	"errors"
	"fmt"
	"time"

	"example.com/turnkey/tlsconfig/internal/cert"
	"example.com/turnkey/tlsconfig/internal/store"
)

// attemptTimeout bounds what an issuer does for one attempt.
const attemptTimeout = 5 * time.Minute

// attempt is one try to get a host's certificate: a rehearsal, if one is due, and then the certificate itself.
type attempt struct {
	*host
	lock     *store.Lock    // nil: it is made without the store
	old      cert.Candidate // served when the attempt began
	pending  *cert.Order    // to go on with; nil: a new order
	failures int            // in a row, before this attempt
	started  time.Time
	placed   int // orders that the CA took last, in rehearsal or not
}

// obtain makes one attempt, and records its result. It fetches the certificate of a pending order. If there is none, it
// places an order, after a rehearsal if one is due.
func (h *host) obtain(ctx context.Context, lock *store.Lock) {
	a := h.begin(ctx, lock)
	// The first order is rehearsed, and one after a failure.
	if h.source.options.Rehearsal != nil && a.pending == nil && (a.old.Certificate == nil || a.failures > 0) {
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

// begin stores the attempt as failed, before it starts.
func (h *host) begin(ctx context.Context, lock *store.Lock) *attempt {
	now := h.now()
	a := &attempt{host: h, lock: lock, old: now.served, pending: h.pendingOrder(), failures: now.record.Failures,
		started: time.Now()}
	h.change(func(s *state) {
		s.forced = false
		s.record.Settings = h.source.options.Settings
		s.record.Failures = a.failures + 1
		s.record.Next = a.started.Add(backoff(a.failures))
	})
	h.log.Info("getting a certificate", "directory", h.source.options.Issuer.Directory())
	// If this write fails, the attempt goes on: the process has the record in memory. A process that crashes in a loop
	// does not order each time, because load does not end before the record can be written.
	if err := h.saveRecord(ctx); err != nil {
		h.log.Error("the record of the attempt cannot be kept in ACME_CACHE", "error", err)
	}
	return a
}

// rehearse places a test order at the CA for rehearsals. It returns an error only for a fault of the setup, which the
// real CA would find too.
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

func (a *attempt) issue(ctx context.Context) (cert.Candidate, error) {
	r := cert.Request{Host: a.name, Pending: a.pending, Keep: a.keepOrder, Log: a.log}
	if a.pending == nil && a.old.Certificate != nil && a.failures == 0 && a.now().takesReplaces {
		// The CA exempts such an order from its limits. After a failure it is left out, in case it was the cause.
		r.Replaces = a.old.Leaf
	}
	result, err := a.try(ctx, a.source.options.Issuer, r)
	if p, is := errors.AsType[*cert.Problem](err); is && r.Replaces != nil && p.IsAlreadyReplaced() {
		a.log.Info("the CA has renewed this certificate already, for another server or in an attempt that was lost; "+
			"the order is placed as a new one", "problem", p)
		r.Replaces = nil
		result, err = a.try(ctx, a.source.options.Issuer, r)
	}
	if result.OrderOver {
		a.dropOrder(context.WithoutCancel(ctx))
	}
	a.change(func(s *state) { s.orders += uint64(result.Placed) })
	return result.Candidate, err
}

func (a *attempt) try(ctx context.Context, issuer Issuer, r cert.Request) (cert.Result, error) {
	ctx, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	if r.Fence = a.now().fence; a.lock != nil {
		r.Permit = a.permit
	}
	result, err := issuer.Issue(ctx, r)
	a.placed = result.Placed
	return result, err
}

// orderWasLost reports whether the attempt could not complete a certificate because the CA no longer has its order,
// while clients may accept the certificate as it is.
func (a *attempt) orderWasLost() bool {
	return a.pending != nil && a.pendingOrder() == nil && a.old.Lacks != "" && !a.old.Broken &&
		time.Now().Before(a.now().renewAt)
}

// settle gives up completing a certificate whose order the CA no longer has. The certificate is served as it is until
// its renewal is due.
func (a *attempt) settle(ctx context.Context, err error) {
	a.change(func(s *state) {
		s.record = record{Settings: a.source.options.Settings, Obtained: s.record.Obtained}
	})
	a.log.Warn("the CA no longer has the order; its incomplete certificate is served until the renewal is due",
		"error", err)
	a.storeRecord(ctx)
}

// take serves the certificate that came, and stores it. Later attempts fetch an incomplete one again until its order
// expires.
func (a *attempt) take(ctx context.Context, c cert.Candidate) {
	now := time.Now()
	rec := record{Settings: a.source.options.Settings, Obtained: now}
	if c.Lacks != "" {
		rec.Failures, rec.Next = a.failures+1, now.Add(backoff(a.failures))
		rec.Problem = &cert.Problem{Detail: c.Lacks}
	}
	a.change(func(s *state) { s.unsaved, s.record = true, rec })
	a.serve(c, now) // before it is stored: visitors do not wait for the store
	kind, msg := cert.Obtained, "certificate obtained"
	if a.old.Certificate != nil {
		kind, msg = cert.Renewed, "certificate renewed"
	}
	a.log.Info(msg, "issuer", c.Leaf.Issuer.CommonName, "not_after", c.Leaf.NotAfter, "took", time.Since(a.started))
	a.logLacking(c)
	a.save(ctx)
	a.source.notify(cert.Event{Kind: kind, Status: a.status()})
}

// keepOld records that the certificate that came is no better than the one that is served.
func (a *attempt) keepOld(ctx context.Context, c cert.Candidate) {
	if c.Lacks == "" {
		// The pending order is older than the certificate that is served. The next attempt places a new order. It waits
		// as after a failure, because a store that cannot remove the old order makes the next attempt fetch that again.
		a.dropOrder(ctx)
		a.change(func(s *state) { s.record.Failures = a.failures })
		return
	}
	if !a.old.Leaf.Equal(c.Leaf) {
		a.fail(fmt.Errorf("the CA sent a certificate that fewer visitors can verify than the present one: %s",
			c.Lacks))
		return
	}
	a.change(func(s *state) {
		s.record.Next = time.Now().Add(backoff(a.failures))
		s.record.Problem = &cert.Problem{Detail: c.Lacks}
	})
	a.storeRecord(ctx)
}

// fail records an attempt that failed. The old certificate, if there is one, stays.
func (a *attempt) fail(err error) {
	_, sealed := store.IsSealed(err)
	switch {
	case errors.Is(err, context.Canceled):
		return // the process stops, and begin has stored when to try again
	case sealed, errors.Is(err, store.ErrOutdated), errors.Is(err, errSupplanted), a.lock != nil && a.lock.Held() != nil:
		a.yield(err)
		return
	}
	problem, fromCA := errors.AsType[*cert.Problem](err)
	if !fromCA {
		problem = &cert.Problem{Detail: err.Error()}
	}
	wait := a.waitAfter(problem, fromCA)
	a.change(func(s *state) {
		s.record.Failures, s.record.Next, s.record.Problem = a.failures+1, time.Now().Add(wait), problem
	})
	msg := "no certificate obtained"
	attrs := []any{"error", err, "again_in", wait.Round(time.Second), "directory", a.source.options.Issuer.Directory(),
		"took", time.Since(a.started)}
	if fromCA {
		attrs = append(attrs, "problem", problem)
	}
	if advice := problem.Advice(a.name); advice != "" {
		attrs = append(attrs, "advice", advice)
	}
	if c := a.now().served.Certificate; c != nil {
		msg = "certificate not renewed; the old one is still served"
		attrs = append(attrs, "not_after", c.Leaf.NotAfter)
	}
	a.log.Error(msg, attrs...)
	a.storeRecord(context.Background())
	a.source.notify(cert.Event{Kind: cert.Failed, Status: a.status(), Err: err})
}

// waitAfter returns how long to wait after a failure: the backoff, or longer if the CA asks for it.
func (a *attempt) waitAfter(p *cert.Problem, fromCA bool) time.Duration {
	wait := backoff(a.failures)
	if fromCA {
		return max(wait, p.RetryAfter)
	}
	// If the CA took no order, nothing counts against its limits, and a certificate of a day has no time for the whole
	// backoff.
	if old := a.now().served; old.Certificate != nil && a.placed == 0 {
		wait = min(wait, max(firstBackoff, time.Until(old.Leaf.NotAfter)/4))
	}
	return wait
}
