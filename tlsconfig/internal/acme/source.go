// Package acme is the clock: for each host it decides when a certificate is ordered, renewed and tried again, and
// serves what came of it. The certificates come from an Issuer.
//
//   - source.go: handshakes are answered from a snapshot in memory and wait for nothing
//   - challenge.go: the CA's challenges are answered by the issuer
//   - host.go, schedule.go: each host has its own schedule, with a backoff after failures
//   - attempt.go, outcome.go: one attempt, and what follows from its result
//   - order.go: the order that an attempt may leave for a later one
//   - record.go, certificate.go: what has to outlive the process is stored before each attempt
//   - renewal.go: the CA may suggest when to renew (RFC 9773)
//   - check.go, notes.go: what an operator should know before a start
package acme

import (
	"context"
	"crypto/tls"
	"log/slog"
	"sync"
	"sync/atomic"

	"example.com/turnkey/tlsconfig/internal/cert"
	"example.com/turnkey/tlsconfig/internal/clientca"
	"example.com/turnkey/tlsconfig/internal/store"
)

// Options are what a Source needs.
type Options struct {
	Domains   []string         // the first is canonical
	Issuer    Issuer           // of the certificates that are served
	Rehearsal Issuer           // at which a first order, and one after a failure, is tried beforehand; nil: none
	Store     *store.Slot      // of Issuer's CA
	Settings  string           // identifies the settings on which success depends; a change of them resets the backoff
	ClientCAs *clientca.CAs    // nil: no client certificates are asked for
	Log       *slog.Logger     // required
	Notify    func(cert.Event) // is called in a new goroutine; nil: nothing is called
}

// Source gets certificates from an ACME CA. It is safe for concurrent use.
type Source struct {
	options    Options
	issuers    []Issuer
	config     *tls.Config
	hosts      []*host
	byName     map[string]*host
	current    atomic.Pointer[cert.Snapshot]
	refused    refusedCounts
	publishing sync.Mutex
}

// New prepares a source. Run reads the store and places orders.
func New(o Options) *Source {
	s := &Source{options: o, issuers: []Issuer{o.Issuer}, byName: map[string]*host{}}
	if o.Rehearsal != nil {
		s.issuers = append(s.issuers, o.Rehearsal)
	}
	for _, name := range o.Domains {
		h := newHost(s, name)
		s.hosts = append(s.hosts, h)
		s.byName[name] = h
	}
	s.publish()
	s.config = o.ClientCAs.ServerConfig(s.getCertificate)
	s.config.NextProtos = append(s.config.NextProtos, alpnProto)
	return s
}

// TLSConfig returns a new configuration. It asks the CA's tls-alpn-01 connection for no client certificate, because the
// CA has none. That connection can negotiate no other protocol, so no page is served on it.
func (s *Source) TLSConfig() *tls.Config {
	config := s.options.ClientCAs.Live(s.config.Clone())
	choose := config.GetConfigForClient
	if choose == nil {
		return config
	}
	challenge := s.config.Clone()
	challenge.ClientAuth, challenge.ClientCAs = tls.NoClientCert, nil
	challenge.NextProtos = []string{alpnProto}
	config.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		if isChallenge(hello) {
			return challenge, nil
		}
		return choose(hello)
	}
	return config
}

// Run renews the certificates of every host until ctx is done. It returns when the last of them has ended.
func (s *Source) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	wg.Go(func() { s.options.ClientCAs.Run(ctx) })
	for _, h := range s.hosts {
		wg.Go(func() { h.run(ctx) })
	}
	wg.Wait()
	return nil
}

// Reload ends every host's backoff, so that those that wait try again at once. It also reads the client CAs again.
func (s *Source) Reload() {
	s.options.ClientCAs.Reload()
	for _, h := range s.hosts {
		h.wake()
	}
}

// Status returns the state of every host's certificate, the canonical host's first.
func (s *Source) Status() []cert.Status {
	var out []cert.Status
	for _, h := range s.hosts {
		out = append(out, h.status())
	}
	return out
}

// Refused counts handshakes that got no certificate, by reason.
func (s *Source) Refused() map[string]uint64 { return s.refused.byReason() }

// publish makes a snapshot of the hosts' present certificates for handshakes.
func (s *Source) publish() {
	s.publishing.Lock()
	defer s.publishing.Unlock()
	next := &cert.Snapshot{ByName: map[string][]*tls.Certificate{}}
	for i, h := range s.hosts {
		c := h.certificate().Certificate
		if c == nil {
			continue
		}
		next.ByName[h.name] = []*tls.Certificate{c}
		if i == 0 {
			next.First = c // the canonical host's, for clients without a server name
		}
	}
	s.current.Store(next)
}

// notify calls the owner's hook without waiting for it: a slow or broken hook must not delay certificates.
func (s *Source) notify(e cert.Event) {
	if s.options.Notify == nil {
		return
	}
	go func() {
		defer func() {
			if v := recover(); v != nil {
				s.options.Log.Error("the hook for certificate events panicked", "panic", v)
			}
		}()
		s.options.Notify(e)
	}()
}

// getCertificate answers challenges from the attempt under way, and every other hello from memory.
func (s *Source) getCertificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	if isChallenge(hello) {
		return s.answerChallenge(hello)
	}
	c, _ := s.current.Load().Lookup(hello)
	if c == nil {
		if hello.ServerName == "" || s.byName[cert.NormalName(hello.ServerName)] != nil {
			s.refused.notYet.Add(1)
		} else {
			s.refused.unknown.Add(1)
		}
	}
	return c, nil
}

// refusedCounts counts handshakes that got no certificate.
type refusedCounts struct{ unknown, notYet, challenge atomic.Uint64 }

func (r *refusedCounts) byReason() map[string]uint64 {
	return map[string]uint64{
		"unknown_name":           r.unknown.Load(),
		"no_certificate_yet":     r.notYet.Load(),
		"challenge_not_expected": r.challenge.Load(),
	}
}
