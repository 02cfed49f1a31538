package tlsconfig

import (
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/crypto/acme"
	"golang.org/x/crypto/acme/autocert"
)

// Directories of Let's Encrypt.
const (
	ProductionDirectory = autocert.DefaultACMEDirectory
	StagingDirectory    = "https://acme-staging-v02.api.letsencrypt.org/directory"
)

// acmeSource gets certificates from an ACME certificate authority. autocert speaks the protocol. What it lacks is here:
//
//   - handshakes are answered from a snapshot in memory and wait for nothing (this file);
//   - each host is renewed by itself, with a backoff after failures (acme_host.go, acme_clock.go);
//   - what must outlive a crash is stored before each attempt (acme_record.go, acme_store.go);
//   - each attempt has an autocert manager of its own, which is discarded afterwards (acme_obtain.go, acme_issue.go);
//   - what the authority sends is judged, and fetched again until it is whole (acme_fetch.go, acme_pending.go, acme_pem.go);
//   - its responses are read before autocert sees them (acme_transport.go, acme_answer.go), and explained (acme_problem.go);
//   - it may suggest when to renew, and requests carry fields that autocert cannot set (acme_ari.go, acme_amend.go).
type acmeSource struct {
	options     Options
	fingerprint string // of the settings that decide whether an order can succeed
	config      *tls.Config
	clients     *clientCAs
	production  *authority
	rehearsal   *authority // nil: none is held
	hosts       []*acmeHost
	byName      map[string]*acmeHost
	current     atomic.Pointer[snapshot]
	refused     refusals
	publishing  sync.Mutex
}

func newACME(o Options) (Source, error) {
	s := &acmeSource{options: o, byName: map[string]*acmeHost{}}
	sum := sha256.Sum256(fmt.Appendf(nil, "%q", []string{o.Directory, o.Rehearsal, o.CAFile, o.Email, o.EABKeyID, string(o.EABKey), o.Profile, fmt.Sprint(o.PlainPort)}))
	s.fingerprint = base64.RawURLEncoding.EncodeToString(sum[:9])
	var err error
	if s.production, err = newAuthority(o, o.Directory); err != nil {
		return nil, err
	}
	if o.Rehearsal != "" {
		if s.rehearsal, err = newAuthority(o, o.Rehearsal); err != nil {
			return nil, err
		}
	}
	for _, name := range o.Domains {
		h := newACMEHost(s, name)
		s.hosts = append(s.hosts, h)
		s.byName[name] = h
	}
	s.publish()
	if s.config, s.clients, err = serverConfig(o, s.getCertificate); err != nil {
		return nil, err
	}
	s.config.NextProtos = append(s.config.NextProtos, acme.ALPNProto)
	return s, nil
}

// TLSConfig asks the authority's tls-alpn-01 connection for no client certificate, because the authority has none. That
// connection can negotiate no other protocol, so no page is served on it.
func (s *acmeSource) TLSConfig() *tls.Config {
	config := s.clients.live(s.config.Clone())
	choose := config.GetConfigForClient
	if choose == nil {
		return config
	}
	challenge := s.config.Clone()
	challenge.ClientAuth, challenge.ClientCAs = tls.NoClientCert, nil
	challenge.NextProtos = []string{acme.ALPNProto}
	config.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		if isChallenge(hello) {
			return challenge, nil
		}
		return choose(hello)
	}
	return config
}

// Run keeps every host supplied until ctx is done, and returns when the last of them has let go.
func (s *acmeSource) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	wg.Go(func() { s.clients.run(ctx) })
	for _, h := range s.hosts {
		wg.Go(func() { h.run(ctx) })
	}
	wg.Wait()
	return nil
}

// Reload forgets past failures, and hosts that wait try again at once. It also reads the client CAs again.
func (s *acmeSource) Reload() {
	s.clients.reload()
	for _, h := range s.hosts {
		h.wake()
	}
}

func (s *acmeSource) Status() []Status {
	var out []Status
	for _, h := range s.hosts {
		out = append(out, h.status())
	}
	return out
}

// Refused counts handshakes that got no certificate, by reason.
func (s *acmeSource) Refused() map[string]uint64 { return s.refused.counts() }

// publish makes what the hosts hold now the snapshot that handshakes see.
func (s *acmeSource) publish() {
	s.publishing.Lock()
	defer s.publishing.Unlock()
	next := &snapshot{byName: map[string][]*tls.Certificate{}}
	for i, h := range s.hosts {
		cert := h.certificate()
		if cert == nil {
			continue
		}
		next.byName[h.name] = []*tls.Certificate{cert}
		if i == 0 {
			next.first = cert // the canonical host's, for clients without a server name
		}
	}
	s.current.Store(next)
}

// getCertificate answers challenges from the order under way, and everybody else from memory.
func (s *acmeSource) getCertificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	if isChallenge(hello) {
		if h := s.byName[normalName(hello.ServerName)]; h != nil {
			if a := h.attempt.Load(); a != nil {
				return a.manager.GetCertificate(hello)
			}
		}
		s.refused.challenge.Add(1)
		return nil, nil
	}
	cert, _ := s.current.Load().lookup(hello)
	if cert == nil {
		if hello.ServerName == "" || s.byName[normalName(hello.ServerName)] != nil {
			s.refused.notYet.Add(1)
		} else {
			s.refused.unknown.Add(1)
		}
	}
	return cert, nil
}

const challengePath = "/.well-known/acme-challenge/"

// HTTPHandler answers http-01 challenges of a host's order under way. Any other request is next's.
func (s *acmeSource) HTTPHandler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, challengePath) {
			next.ServeHTTP(w, r)
			return
		}
		name := r.Host
		if i := strings.LastIndexByte(name, ':'); i >= 0 {
			name = name[:i]
		}
		if h := s.byName[normalName(name)]; h != nil {
			if a := h.attempt.Load(); a != nil {
				r.Host = h.name // autocert knows the name in this spelling only
				a.http01.ServeHTTP(w, r)
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

// isChallenge recognises the authority's tls-alpn-01 connection (RFC 8737 §4).
func isChallenge(hello *tls.ClientHelloInfo) bool {
	return len(hello.SupportedProtos) == 1 && hello.SupportedProtos[0] == acme.ALPNProto
}

// refusals counts handshakes without a certificate.
type refusals struct{ unknown, notYet, challenge atomic.Uint64 }

func (r *refusals) counts() map[string]uint64 {
	return map[string]uint64{"unknown_name": r.unknown.Load(), "no_certificate_yet": r.notYet.Load(), "challenge_not_expected": r.challenge.Load()}
}

// authority is one directory with an account of its own and a corner of the store of its own, so that the state of
// two never mixes.
type authority struct {
	directory string
	store     *corner
	transport http.RoundTripper
	account   accountKey
	eab       *acme.ExternalAccountBinding
	email     string
	profile   string
	plainPort bool
}

func newAuthority(o Options, directory string) (*authority, error) {
	transport, err := acmeHTTP(o.CAFile)
	if err != nil {
		return nil, err
	}
	st, err := openStore(o.CacheDir)
	if err != nil {
		return nil, err
	}
	a := &authority{directory: directory, store: &corner{store: st, name: slug(directory)}, transport: transport, email: o.Email,
		profile: o.Profile, plainPort: o.PlainPort}
	if o.EABKeyID != "" && directory == o.Directory {
		a.eab = &acme.ExternalAccountBinding{KID: o.EABKeyID, Key: o.EABKey}
	}
	return a, nil
}

// slug is a directory's name in the store: readable, and one directory's alone.
func slug(directory string) string {
	_, rest, _ := strings.Cut(directory, "://")
	out := []byte(strings.ToLower(rest))
	for i, b := range out {
		if !('a' <= b && b <= 'z' || '0' <= b && b <= '9' || b == '.' || b == '-') {
			out[i] = '-'
		}
	}
	return cmp.Or(strings.Trim(string(out), "-."), "directory")
}
