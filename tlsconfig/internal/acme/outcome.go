package acme

import (
	"context"
	"errors"
	"fmt"
	"time"

	"example.com/turnkey/tlsconfig/internal/cert"
)

// settle ends the tries to complete a certificate whose order the CA no longer has. The certificate is served as it is
// until its renewal is due.
func (a *attempt) settle(ctx context.Context, err error) {
	a.mu.Lock()
	a.record = record{Settings: a.source.options.Settings, Obtained: a.record.Obtained}
	a.mu.Unlock()
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
	a.mu.Lock()
	a.unsaved, a.record = true, rec
	a.mu.Unlock()
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
		a.mu.Lock()
		a.record.Failures = a.failures
		a.mu.Unlock()
		return
	}
	if !a.old.Leaf.Equal(c.Leaf) {
		a.fail(fmt.Errorf("the CA sent a certificate that visitors cannot verify as they can the present one: %s",
			c.Lacks))
		return
	}
	a.mu.Lock()
	a.record.Next = time.Now().Add(backoff(a.failures))
	a.record.Problem = &cert.Problem{Detail: c.Lacks}
	a.mu.Unlock()
	a.storeRecord(ctx)
}

// fail records an attempt that failed. The old certificate, if there is one, stays.
func (a *attempt) fail(err error) {
	if errors.Is(err, context.Canceled) {
		return // the process stops, and begin has stored when to try again
	}
	problem, fromCA := errors.AsType[*cert.Problem](err)
	if !fromCA {
		problem = &cert.Problem{Detail: err.Error()}
	}
	wait := a.waitAfter(problem, fromCA)
	a.mu.Lock()
	a.record.Failures = a.failures + 1
	a.record.Next = time.Now().Add(wait)
	a.record.Problem = problem
	c := a.served.Certificate
	a.mu.Unlock()
	attrs := []any{"error", err, "again_in", wait.Round(time.Second), "directory", a.source.options.Issuer.Directory(),
		"took", time.Since(a.started)}
	if fromCA {
		attrs = append(attrs, "problem", problem)
	}
	if advice := problem.Advice(a.name); advice != "" {
		attrs = append(attrs, "advice", advice)
	}
	msg := "no certificate obtained"
	if c != nil {
		msg = "certificate not renewed; the old one is served on"
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
	// Nothing counts against the CA's limits where it took no order, and a certificate of a day has no time for the
	// whole backoff.
	if old := a.certificate(); old.Certificate != nil && a.placed == 0 {
		wait = min(wait, max(firstBackoff, time.Until(old.Leaf.NotAfter)/4))
	}
	return wait
}
