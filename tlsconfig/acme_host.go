package tlsconfig

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// ladder is the wait after each failure in a row, the last rung for ever: what Let's Encrypt asks clients for
// (letsencrypt.org/docs/integration-guide, "Retrying failures").
var ladder = []time.Duration{time.Minute, 10 * time.Minute, 100 * time.Minute, 24 * time.Hour}

const (
	attemptTimeout = 5 * time.Minute
	longestWait    = 7 * 24 * time.Hour
	longestNap     = time.Hour       // clocks are set, machines sleep: look again after this
	saveAgain      = 5 * time.Second // after a certificate could not be kept
)

// acmeHost is the life of one configured host: its certificate, and the clock by which it is renewed.
type acmeHost struct {
	source  *acmeSource
	name    string
	log     *slog.Logger
	poke    chan struct{}
	attempt atomic.Pointer[attempt] // under way; nil: none

	mu      sync.Mutex
	cert    *tls.Certificate // being served; may have expired
	renewAt time.Time
	record  record
	next    string
	trouble string // with the store
	unsaved bool
	orders  uint64

	saidUnsaved bool // in the log

	ariNext     time.Time // not asked before
	ariWindow   window    // the last answer
	replaceable bool      // the authority takes "replaces" in an order
}

// record is what has to outlive the process, or a crash in a loop could exhaust the authority's limits. It is kept
// before an attempt begins, as if it had failed, and put right after it succeeded.
type record struct {
	Settings string    `json:"settings"` // fingerprint of those under which the failures happened
	Failures int       `json:"failures"` // in a row
	Next     time.Time `json:"next"`     // no attempt before
	Obtained time.Time `json:"obtained"` // when the certificate was
	Problem  *Problem  `json:"problem,omitempty"`
}

func newACMEHost(s *acmeSource, name string) *acmeHost {
	return &acmeHost{source: s, name: name, log: s.options.Log.With("host", name), poke: make(chan struct{}, 1), next: "read from ACME_CACHE"}
}

func (h *acmeHost) certificate() *tls.Certificate {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.cert
}

// wake ends the nap and forgets failures.
func (h *acmeHost) wake() {
	select {
	case h.poke <- struct{}{}:
	default:
	}
}

func (h *acmeHost) run(ctx context.Context) {
	if !h.load(ctx) {
		return
	}
	for {
		nap := h.step(ctx)
		timer := time.NewTimer(min(nap, longestNap))
		select {
		case <-ctx.Done():
			timer.Stop()
			if h.pending() {
				h.save(ctx) // the last chance
			}
			return
		case <-timer.C:
		case <-h.poke:
			timer.Stop()
			h.forget()
		}
	}
}

// forget lets the next attempt come at once.
func (h *acmeHost) forget() {
	h.mu.Lock()
	h.record.Failures, h.record.Next, h.ariNext = 0, time.Time{}, time.Time{}
	h.mu.Unlock()
}

// load reads what earlier runs left. It does not give up: without knowing what is there, ordering could be once too
// often. False means that ctx is done.
func (h *acmeHost) load(ctx context.Context) bool {
	poked := false
	for wait := time.Second; ; wait = min(2*wait, time.Minute) {
		err := h.tryLoad(ctx)
		if err == nil {
			if poked {
				h.forget()
			}
			return true
		}
		if ctx.Err() != nil {
			return false
		}
		h.setTrouble(fmt.Sprintf("ACME_CACHE: %v", err))
		h.log.Error("ACME_CACHE does not work; nothing is ordered before it does", "error", err, "again_in", wait)
		select {
		case <-ctx.Done():
			return false
		case <-time.After(wait):
		case <-h.poke:
			poked = true
		}
	}
}

func (h *acmeHost) tryLoad(ctx context.Context) error {
	store := h.source.production.store
	data, err := store.get(ctx, h.name+".json")
	var rec record
	if err == nil && json.Unmarshal(data, &rec) != nil {
		h.log.Error("the record of attempts is unreadable; kept as *.bad", "file", h.name+".json")
		err = store.setAside(ctx, h.name+".json")
		rec.Next = time.Now().Add(ladder[0]) // nobody knows how often was tried
		rec.Settings = h.source.fingerprint
	}
	if err != nil && !isMissing(err) {
		return err
	}
	data, err = store.get(ctx, h.name+".pem")
	if err != nil && !isMissing(err) {
		return err
	}
	// The account's key too, so that a renewal does not need the store.
	if _, err := h.source.production.account.load(ctx, store); err != nil {
		return err
	}
	var cert *tls.Certificate
	if err == nil {
		if cert, err = parseCertificate(data, h.name); err != nil {
			h.log.Error("the certificate in ACME_CACHE is unusable; kept as *.bad, a new one is ordered", "file", h.name+".pem", "error", err)
			if err := store.setAside(ctx, h.name+".pem"); err != nil {
				return err
			}
		}
	}
	if rec.Settings != h.source.fingerprint {
		rec.Failures, rec.Next = 0, time.Time{} // what failed under other settings says nothing of these
	}
	// A clock that was ahead once must not stop issuance until it is right.
	if latest := time.Now().Add(longestWait); rec.Next.After(latest) {
		rec.Next = latest
	}
	h.mu.Lock()
	h.record, h.cert, h.trouble = rec, cert, ""
	if cert != nil {
		h.renewAt = renewalTime(cert, rec.Obtained)
	}
	h.mu.Unlock()
	if cert != nil {
		h.source.publish()
		h.log.Info("certificate read", "issuer", cert.Leaf.Issuer.CommonName, "not_after", cert.Leaf.NotAfter)
	}
	// A store that only reads would let every restart order anew.
	if err := h.saveRecord(ctx); err != nil {
		return fmt.Errorf("writing: %w", err)
	}
	if wait := time.Until(rec.Next); wait > 0 && rec.Failures > 0 {
		h.log.Warn("earlier attempts failed; the next waits, as the authority counts them. SIGHUP or a changed setting tries at once",
			"failures", rec.Failures, "again_in", wait.Round(time.Second), "error", rec.Problem)
	}
	return nil
}

// step does what is due and says how long nothing will be.
func (h *acmeHost) step(ctx context.Context) time.Duration {
	if h.pending() {
		h.save(ctx)
	}
	if err := h.source.production.account.keep(ctx, h.source.production.store); err != nil {
		h.log.Error("the account key cannot be kept in ACME_CACHE", "error", err)
	}
	h.listen(ctx)
	now := time.Now()
	h.mu.Lock()
	cert, renewAt, next, unsaved := h.cert, h.renewAt, h.record.Next, h.unsaved
	h.mu.Unlock()
	switch {
	case cert != nil && now.Before(renewAt):
		h.setNext("renewed at", renewAt)
		nap := renewAt.Sub(now)
		if unsaved {
			nap = min(nap, saveAgain)
		}
		return nap
	case now.Before(next):
		h.setNext("tried again at", next)
		if unsaved {
			return min(next.Sub(now), saveAgain)
		}
		return next.Sub(now)
	}
	if h.adopt(ctx) {
		return 0
	}
	h.setNext("ordered now", time.Time{})
	h.obtain(ctx)
	return 0
}

// adopt takes over what another process that shares the store has renewed meanwhile.
func (h *acmeHost) adopt(ctx context.Context) bool {
	old := h.certificate()
	data, err := h.source.production.store.get(ctx, h.name+".pem")
	if err != nil {
		return false
	}
	cert, err := parseCertificate(data, h.name)
	if err != nil || fresh(cert, time.Now()) != nil || old != nil && !cert.Leaf.NotAfter.After(old.Leaf.NotAfter) {
		return false
	}
	h.mu.Lock()
	h.cert, h.renewAt, h.unsaved = cert, renewalTime(cert, time.Now()), false
	h.ariNext, h.ariWindow = time.Time{}, window{}
	h.record = record{Settings: h.source.fingerprint, Obtained: time.Now()}
	h.mu.Unlock()
	h.source.publish()
	h.log.Info("certificate taken over from ACME_CACHE, where another process put it", "not_after", cert.Leaf.NotAfter)
	return true
}

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
	t, err := newAttempt(ctx, a, o)
	if err != nil {
		return nil, err
	}
	h.attempt.Store(t)
	cert, err := t.issue(ctx, h.name)
	h.attempt.Store(nil)
	t.end()
	h.mu.Lock()
	if a == h.source.production {
		h.orders += uint64(t.way.placed())
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
		// No order came of it, so nothing was spent: a certificate of a day has not the time for the whole ladder.
		if old := h.certificate(); old != nil {
			wait = min(wait, max(ladder[0], time.Until(old.Leaf.NotAfter)/4))
		}
		problem = &Problem{Type: "about:blank", Detail: err.Error()}
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

// pending says whether the certificate in hand is not kept yet.
func (h *acmeHost) pending() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.unsaved
}

// save keeps the certificate, or leaves it for the next step: in memory it is safe while the process lives.
func (h *acmeHost) save(ctx context.Context) {
	ctx = context.WithoutCancel(ctx) // also when the process stops
	data, err := marshalCertificate(h.certificate())
	if err == nil {
		err = h.source.production.store.put(ctx, h.name+".pem", data)
	}
	if err == nil {
		err = h.saveRecord(ctx)
	}
	h.mu.Lock()
	before := h.saidUnsaved
	h.saidUnsaved = err != nil
	h.mu.Unlock()
	if err != nil {
		h.setTrouble(fmt.Sprintf("the certificate is served but not kept: %v", err))
		if !before {
			h.log.Error("the certificate is served but cannot be kept in ACME_CACHE; a restart now would lose it", "error", err, "again_in", saveAgain)
		}
		return
	}
	h.mu.Lock()
	h.unsaved, h.trouble = false, ""
	h.mu.Unlock()
	if before {
		h.log.Info("the certificate is kept in ACME_CACHE now")
	}
}

func (h *acmeHost) saveRecord(ctx context.Context) error {
	h.mu.Lock()
	data, err := json.Marshal(h.record)
	h.mu.Unlock()
	if err != nil {
		return err
	}
	return h.source.production.store.put(ctx, h.name+".json", data)
}

func (h *acmeHost) setTrouble(s string) {
	h.mu.Lock()
	h.trouble = s
	h.mu.Unlock()
}

func (h *acmeHost) setNext(what string, at time.Time) {
	if !at.IsZero() {
		what += " " + at.UTC().Format(time.RFC3339)
	}
	h.mu.Lock()
	h.next = what
	h.mu.Unlock()
}

func (h *acmeHost) status() Status {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := Status{Names: []string{h.name}, Next: h.next, Error: h.trouble, Orders: h.orders, Failures: h.record.Failures}
	if h.cert != nil {
		s.Issuer, s.NotAfter, s.RenewAt = h.cert.Leaf.Issuer.CommonName, h.cert.Leaf.NotAfter, h.renewAt
	}
	if p := h.record.Problem; p != nil {
		s.Error, s.Advice = p.Error(), p.Advice(h.name)
	}
	return s
}

func rung(failures int) time.Duration { return ladder[min(failures, len(ladder)-1)] }

// renewalTime is when a certificate is due: with a third of its life left, or half where that is under ten days
// (Let's Encrypt's advice), up to a tenth of that earlier so that hosts do not come all at once. It is never sooner
// than a third of what was left when the certificate was obtained: one that is always due must not be a loop.
func renewalTime(cert *tls.Certificate, obtained time.Time) time.Time {
	leaf := cert.Leaf
	life := leaf.NotAfter.Sub(leaf.NotBefore)
	left := life / 3
	if life < 10*24*time.Hour {
		left = life / 2
	}
	left += rand.N(min(left/10, time.Hour) + 1)
	at := leaf.NotAfter.Add(-left)
	if floor := obtained.Add(leaf.NotAfter.Sub(obtained) / 3); !obtained.IsZero() && at.Before(floor) {
		at = floor
	}
	return at
}
