package tlsconfig

import (
	"cmp"
	"context"
	"crypto/tls"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

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
	lacks   string           // see candidate
	broken  bool             // see candidate
	order   *pendingOrder    // whose certificate is not complete yet; nil: none
	renewAt time.Time
	record  record
	next    string
	trouble string // with the store
	unsaved bool
	orders  uint64
	spent   int // orders of the last attempt, rehearsed or not

	saidUnsaved bool // in the log

	ariNext     time.Time // not asked before
	ariWindow   window    // the last answer
	replaceable bool      // the authority takes "replaces" in an order
}

func newACMEHost(s *acmeSource, name string) *acmeHost {
	return &acmeHost{source: s, name: name, log: s.options.Log.With("host", name), poke: make(chan struct{}, 1), next: "read from ACME_CACHE"}
}

// served is the certificate that is served at present.
func (h *acmeHost) served() candidate {
	h.mu.Lock()
	defer h.mu.Unlock()
	return candidate{h.cert, h.lacks, h.broken}
}

// serve replaces the certificate that is served.
func (h *acmeHost) serve(c candidate, obtained time.Time) {
	h.mu.Lock()
	h.cert, h.lacks, h.broken, h.renewAt = c.Certificate, c.lacks, c.broken, renewalTime(c.Certificate, obtained)
	h.ariNext, h.ariWindow = time.Time{}, window{}
	h.mu.Unlock()
	h.source.publish()
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
	due := h.broken || h.lacks != "" && h.order.waits(now) || !now.Before(renewAt)
	h.mu.Unlock()
	switch {
	case cert != nil && !due:
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
	s := Status{Names: []string{h.name}, Next: h.next, Error: cmp.Or(h.trouble, h.lacks), Orders: h.orders,
		Failures: h.record.Failures}
	if h.cert != nil {
		s.Issuer, s.NotAfter, s.RenewAt = h.cert.Leaf.Issuer.CommonName, h.cert.Leaf.NotAfter, h.renewAt
	}
	if p := h.record.Problem; p != nil {
		s.Error, s.Advice = p.Error(), p.Advice(h.name)
	}
	return s
}
