package acme

import (
	"cmp"
	"context"
	"log/slog"
	"sync"
	"time"

	"example.com/turnkey/tlsconfig/internal/cert"
)

const (
	longestSleep = time.Hour       // clocks are set and machines sleep: look at the time again after this
	saveEvery    = 5 * time.Second // while a certificate cannot be stored
)

// host is one configured host: its certificate, and the clock by which it is renewed.
type host struct {
	source *Source
	name   string
	log    *slog.Logger
	woken  chan struct{}

	mu      sync.Mutex
	served  cert.Candidate // empty while there is none; may have expired
	order   *cert.Order    // whose certificate is not complete yet; nil: none
	renewAt time.Time
	record  record
	next    string // see cert.Status
	trouble string // with the store
	unsaved bool   // served is not in the store yet
	orders  uint64 // placed by this process

	unsavedLogged bool

	askNext       time.Time   // when the CA is asked for its window again
	window        cert.Window // the CA's last answer
	takesReplaces bool        // the CA takes "replaces" in an order (RFC 9773 §5)
}

func newHost(s *Source, name string) *host {
	return &host{source: s, name: name, log: s.options.Log.With("host", name), woken: make(chan struct{}, 1),
		next: "read from ACME_CACHE"}
}

// certificate returns what is served at present.
func (h *host) certificate() cert.Candidate {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.served
}

// serve replaces the certificate that is served.
func (h *host) serve(c cert.Candidate, obtained time.Time) {
	h.mu.Lock()
	h.served, h.renewAt = c, renewalTime(c.Certificate, obtained)
	h.askNext, h.window = time.Time{}, cert.Window{}
	h.mu.Unlock()
	h.source.publish()
}

// wake ends the wait of run, and resets the backoff.
func (h *host) wake() {
	select {
	case h.woken <- struct{}{}:
	default: // run has not seen the last one yet
	}
}

func (h *host) run(ctx context.Context) {
	if !h.load(ctx) {
		return
	}
	for {
		wait := h.tick(ctx)
		timer := time.NewTimer(min(wait, longestSleep))
		select {
		case <-ctx.Done():
			timer.Stop()
			if h.isUnsaved() {
				h.save(ctx) // the last chance
			}
			return
		case <-timer.C:
		case <-h.woken:
			timer.Stop()
			h.resetBackoff()
		}
	}
}

// resetBackoff lets the next attempt come at once.
func (h *host) resetBackoff() {
	h.mu.Lock()
	h.record.Failures, h.record.Next, h.askNext = 0, time.Time{}, time.Time{}
	h.mu.Unlock()
}

// tick does what is due, and returns how long nothing will be.
func (h *host) tick(ctx context.Context) time.Duration {
	if h.isUnsaved() {
		h.save(ctx)
	}
	if err := h.source.options.Issuer.Keep(ctx); err != nil {
		h.log.Error("the account key cannot be kept in ACME_CACHE", "error", err)
	}
	h.askRenewalWindow(ctx)
	wait, due := h.untilDue(time.Now())
	if !due {
		return wait
	}
	if h.adopt(ctx) {
		return 0
	}
	h.setNext("ordered now", time.Time{})
	h.obtain(ctx)
	return 0
}

// untilDue reports whether an attempt is due. If not, wait is the time until the next one.
func (h *host) untilDue(now time.Time) (wait time.Duration, due bool) {
	h.mu.Lock()
	c, renewAt, next, unsaved := h.served, h.renewAt, h.record.Next, h.unsaved
	incomplete := c.Broken || c.Lacks != "" && h.order.Open(now)
	h.mu.Unlock()
	switch {
	case c.Certificate != nil && !incomplete && now.Before(renewAt):
		h.setNext("renewed at", renewAt)
		wait = renewAt.Sub(now)
	case now.Before(next):
		h.setNext("tried again at", next)
		wait = next.Sub(now)
	default:
		return 0, true
	}
	if unsaved {
		wait = min(wait, saveEvery)
	}
	return wait, false
}

func (h *host) isUnsaved() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.unsaved
}

func (h *host) setTrouble(s string) {
	h.mu.Lock()
	h.trouble = s
	h.mu.Unlock()
}

func (h *host) setNext(what string, at time.Time) {
	if !at.IsZero() {
		what += " " + at.UTC().Format(time.RFC3339)
	}
	h.mu.Lock()
	h.next = what
	h.mu.Unlock()
}

func (h *host) status() cert.Status {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := cert.Status{Names: []string{h.name}, Next: h.next, Error: cmp.Or(h.trouble, h.served.Lacks), Orders: h.orders,
		Failures: h.record.Failures}
	if c := h.served.Certificate; c != nil {
		s.Issuer, s.NotAfter, s.RenewAt = c.Leaf.Issuer.CommonName, c.Leaf.NotAfter, h.renewAt
	}
	if p := h.record.Problem; p != nil {
		s.Error, s.Advice = p.Error(), p.Advice(h.name)
	}
	return s
}
