package acme

import (
	"cmp"
	"context"
	"crypto/tls"
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"example.com/turnkey/tlsconfig/internal/cert"
)

const (
	longestSleep = time.Hour       // clocks are set and machines sleep: look at the time again after this
	saveEvery    = 5 * time.Second // while a certificate cannot be stored
)

// host is one configured host: its certificate, and when that is renewed.
type host struct {
	source  *Source
	name    string
	addr    netip.Addr // valid if name is an address
	log     *slog.Logger
	woken   chan struct{} // ends the wait of run, and resets the backoff
	changed chan struct{} // ends the wait of run

	leaf atomic.Pointer[tls.Certificate] // of served, for handshakes; nil: none yet

	mu sync.Mutex
	state
}

// state is what changes of a host.
type state struct {
	served  cert.Candidate // empty while there is none; may have expired
	order   *cert.Order    // whose certificate is not complete yet; nil: none
	renewAt time.Time
	record  record
	next    string // see cert.Status
	trouble string // with the store
	unsaved bool   // served is not in the store yet
	orders  uint64 // placed by this process

	fence   int64     // of the last lock
	aloneAt time.Time // when to order without the store; zero: not drawn
	forced  bool      // the next attempt ignores the failures of other processes
	loaded  bool      // what the store had was read, and challenges can be answered
	sealed  bool      // the store has something for this host that cannot be opened; it was logged

	unsavedLogged, awayLogged bool

	askNext       time.Time   // when the CA is asked for its window again
	window        cert.Window // the CA's last answer
	takesReplaces bool        // the CA takes "replaces" in an order (RFC 9773 §5)
}

func newHost(s *Source, name string) *host {
	addr, _ := netip.ParseAddr(name)
	return &host{source: s, name: name, addr: addr, log: s.options.Log.With("host", name),
		woken: make(chan struct{}, 1), changed: make(chan struct{}, 1), state: state{next: "read from ACME_CACHE"}}
}

func (h *host) now() state {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.state
}

func (h *host) change(f func(s *state)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	f(&h.state)
}

func (h *host) serve(c cert.Candidate, obtained time.Time) {
	h.change(func(s *state) {
		s.served, s.renewAt = c, renewalTime(c.Certificate, obtained)
		s.askNext, s.window = time.Time{}, cert.Window{}
	})
	h.leaf.Store(c.Certificate)
}

func (h *host) run(ctx context.Context) {
	if !h.load(ctx) {
		return
	}
	for {
		wait := min(h.tick(ctx), longestSleep)
		select {
		case <-ctx.Done():
			if h.now().unsaved {
				h.save(ctx) // the last chance
			}
			return
		case <-time.After(wait):
		case <-h.changed:
		case <-h.woken:
			h.resetBackoff()
		}
	}
}

// resetBackoff lets the next attempt come at once.
func (h *host) resetBackoff() {
	h.change(func(s *state) {
		s.record.Failures, s.record.Next, s.askNext, s.forced = 0, time.Time{}, time.Time{}, true
	})
}

// tick does what is due, and returns the time until the next step.
func (h *host) tick(ctx context.Context) time.Duration {
	if h.now().unsaved {
		h.save(ctx)
	}
	h.askRenewalWindow(ctx)
	wait, due := h.untilDue(time.Now())
	if due {
		return h.order(ctx)
	}
	return wait
}

// untilDue reports whether an attempt is due. If not, wait is the time until the next one.
func (h *host) untilDue(now time.Time) (wait time.Duration, due bool) {
	s := h.now()
	incomplete := s.served.Broken || s.served.Lacks != "" && s.order.Open(now)
	switch {
	case s.served.Certificate != nil && !incomplete && now.Before(s.renewAt):
		h.setNext("renewed at", s.renewAt)
		wait = s.renewAt.Sub(now)
	case now.Before(s.record.Next):
		h.setNext("tried again at", s.record.Next)
		wait = s.record.Next.Sub(now)
	default:
		return 0, true
	}
	if s.unsaved {
		wait = min(wait, saveEvery)
	}
	return wait, false
}

func (h *host) setTrouble(text string) { h.change(func(s *state) { s.trouble = text }) }

func (h *host) setNext(what string, at time.Time) {
	if !at.IsZero() {
		what += " " + at.UTC().Format(time.RFC3339)
	}
	h.change(func(s *state) { s.next = what })
}

func (h *host) status() cert.Status {
	s := h.now()
	out := cert.Status{Names: []string{h.name}, Next: s.next, Error: cmp.Or(s.trouble, s.served.Lacks),
		Orders: s.orders, Failures: s.record.Failures, Ready: s.loaded && !s.sealed && h.source.options.Store.Shared(),
		Blocked: s.sealed && !s.loaded}
	if c := s.served.Certificate; c != nil {
		out.Issuer, out.NotAfter, out.RenewAt = c.Leaf.Issuer.CommonName, c.Leaf.NotAfter, s.renewAt
	}
	if p := s.record.Problem; p != nil {
		out.Error, out.Advice = p.Error(), p.Advice(h.name)
	}
	return out
}
