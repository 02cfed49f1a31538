// Package acme decides for each host when a certificate is ordered, renewed and tried again, and serves the result. The
// certificates come from an Issuer.
//
//   - source.go: handshakes are answered from a snapshot in memory and wait for nothing, challenges by the issuer
//   - host.go, schedule.go: each host has its own schedule, with a backoff after failures
//   - turn.go: of several processes with one store, one makes an attempt
//   - attempt.go: one attempt, and what follows from its result
//   - follow.go: what another process got is served too
//   - record.go, stored.go: what has to outlive the process is stored before each attempt
//   - check.go: what an operator should know before a start
package acme

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	hostname "example.com/turnkey/middleware/host"
	"example.com/turnkey/tlsconfig/internal/cert"
	"example.com/turnkey/tlsconfig/internal/clientca"
	"example.com/turnkey/tlsconfig/internal/store"
	"example.com/turnkey/tlsconfig/internal/tickets"
)

// Issuer gets certificates from one CA, one attempt at a time for each host. *authority.Authority is one. This package
// decides when to try, and when to try again.
type Issuer interface {
	// Directory names the CA in messages.
	Directory() string

	// Ready reads or makes the account's key, so that a later attempt does not need the store.
	Ready(ctx context.Context) error

	// Keep stores the account's key again, if the store has lost it.
	Keep(ctx context.Context) error

	// Issue makes one attempt. The error wraps a *cert.Problem if the CA said what went wrong. The result counts orders
	// after a failure too.
	Issue(ctx context.Context, r cert.Request) (cert.Result, error)

	// RenewalWindow asks the CA when it would like a certificate renewed, and how long to wait before asking again. The
	// window is nil if the CA offers none.
	RenewalWindow(ctx context.Context, leaf *x509.Certificate) (*cert.Window, time.Duration, error)

	// TLSChallenge answers the CA's tls-alpn-01 connection for a host. It returns neither certificate nor error if no
	// attempt for the host is under way.
	TLSChallenge(host string, hello *tls.ClientHelloInfo) (*tls.Certificate, error)

	// HTTPChallenge returns what the CA wants to read for the token of an http-01 challenge. It is empty if there is no
	// answer.
	HTTPChallenge(token string) string
}

// Options are what a Source needs.
type Options struct {
	Domains   []string         // the first is canonical
	Issuer    Issuer           // of the real certificates
	Rehearsal Issuer           // at which a first order, and one after a failure, is tried beforehand; nil: none
	Store     *store.Slot      // of Issuer's CA
	Settings  string           // identifies the settings on which success depends; a change of them resets the backoff
	ClientCAs *clientca.CAs    // nil: no client certificates are asked for
	Log       *slog.Logger     // required
	Notify    func(cert.Event) // is called in a new goroutine; nil: nothing is called
}

// Source gets certificates from an ACME CA. It is safe for concurrent use.
type Source struct {
	options Options
	issuers []Issuer
	config  *tls.Config
	tickets *tickets.Keys
	hosts   []*host

	// By name, by the server name of tls-alpn-01, by the name in the store, and those that are addresses. They are not
	// changed after New, so handshakes read them without a lock.
	byName, challenged, byFile map[string]*host
	addressed                  []*host

	loading, asking limit // store and CA, at the start of a site with many hosts

	// Handshakes that got no certificate:
	unknown, notYet, strayChallenge atomic.Uint64
}

// New prepares a source. Run reads the store and places orders.
func New(o Options) *Source {
	s := &Source{options: o, issuers: []Issuer{o.Issuer},
		byName: map[string]*host{}, challenged: map[string]*host{}, byFile: map[string]*host{},
		loading: make(limit, maxLoading), asking: make(limit, maxAsking)}
	if o.Rehearsal != nil {
		s.issuers = append(s.issuers, o.Rehearsal)
	}
	for _, name := range o.Domains {
		h := newHost(s, name)
		s.hosts = append(s.hosts, h)
		s.byName[name], s.challenged[challengeName(h)], s.byFile[cert.StoreName(name)] = h, h, h
		if h.addr.IsValid() {
			s.addressed = append(s.addressed, h)
		}
	}
	s.tickets = tickets.New(o.Store, o.Log)
	s.config = o.ClientCAs.ServerConfig(s.getCertificate)
	s.config.NextProtos = append(s.config.NextProtos, alpnProto)
	return s
}

// TLSConfig returns a new configuration. It asks the CA's tls-alpn-01 connection for no client certificate, because the
// CA has none. That connection can negotiate no other protocol, so no page is served on it.
func (s *Source) TLSConfig() *tls.Config {
	config := s.tickets.Use(s.options.ClientCAs.Live(s.config.Clone()))
	choose := config.GetConfigForClient
	challenge := s.config.Clone()
	challenge.ClientAuth, challenge.ClientCAs = tls.NoClientCert, nil
	challenge.NextProtos, challenge.SessionTicketsDisabled = []string{alpnProto}, true
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
	s.tickets.Refresh(ctx) // before a certificate is served, and a session begins
	wg.Go(func() { s.tickets.Run(ctx) })
	wg.Go(func() { s.options.ClientCAs.Run(ctx) })
	wg.Go(func() { s.follow(ctx) })
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
		select {
		case h.woken <- struct{}{}:
		default: // run has not seen the last one yet
		}
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

// accountFile has the account's key in the store.
const accountFile = "account.key"

// Secret returns the account's key, which stays when certificates are renewed. It is nil if the store cannot be read.
func (s *Source) Secret(ctx context.Context) []byte {
	data, _ := s.options.Store.Get(ctx, accountFile)
	return data
}

// Refused counts handshakes that got no certificate, by reason.
func (s *Source) Refused() map[string]uint64 {
	return map[string]uint64{
		"unknown_name":           s.unknown.Load(),
		"no_certificate_yet":     s.notYet.Load(),
		"challenge_not_expected": s.strayChallenge.Load(),
	}
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

// find returns the configured host of a server name or a Host header, or nil.
func (s *Source) find(hostport string) *host {
	name, _ := hostname.Split(hostport)
	return s.byName[name]
}

// getCertificate answers challenges from the attempt under way, and every other hello from memory.
func (s *Source) getCertificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	if isChallenge(hello) {
		return s.answerChallenge(hello)
	}
	var h *host
	if hello.ServerName == "" {
		h = s.unnamed(hello)
	} else {
		h = s.find(hello.ServerName)
	}
	if h == nil {
		s.unknown.Add(1)
		return nil, nil
	}
	c := h.leaf.Load()
	if c == nil {
		s.notYet.Add(1)
	}
	return c, nil
}

// unnamed returns the host for a client without a server name: those that ask for an address send none (RFC 6066 §3). It
// is the address that the client has connected to, or else the first one of its family: behind address translation, the
// address that clients use is not the server's own. Without either it is the canonical host.
func (s *Source) unnamed(hello *tls.ClientHelloInfo) *host {
	if len(s.addressed) == 0 || hello.Conn == nil {
		return s.hosts[0]
	}
	local, err := netip.ParseAddrPort(hello.Conn.LocalAddr().String())
	if err != nil {
		return s.hosts[0]
	}
	addr := local.Addr().Unmap().WithZone("")
	var related *host
	for _, h := range s.addressed {
		switch {
		case h.leaf.Load() == nil:
		case h.addr == addr:
			return h
		case related == nil && h.addr.Is4() == addr.Is4():
			related = h
		}
	}
	return cmp.Or(related, s.hosts[0])
}

const (
	maxLoading = 32 // hosts that read the store at once when the process starts
	maxAsking  = 8  // hosts that ask the CA at once when they should renew
)

// limit is how many may do something at once.
type limit chan struct{}

// do waits for its turn and calls f. It returns an error if ctx is done before.
func (l limit) do(ctx context.Context, f func() error) error {
	select {
	case l <- struct{}{}:
		defer func() { <-l }()
		return f()
	case <-ctx.Done():
		return ctx.Err()
	}
}
