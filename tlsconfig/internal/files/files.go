// Package files serves PEM pairs from files, and serves a renewed pair without a restart. The old pair is served until
// a better one is there.
//
//   - files.go: the files are read every two seconds, and handshakes are answered from memory
//   - pair.go: one certificate file and its key file are read and checked, and whether a new pair replaces the old one
//   - check.go: what an operator should know before a start
package files

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"example.com/turnkey/tlsconfig/chain"
	"example.com/turnkey/tlsconfig/internal/cert"
	"example.com/turnkey/tlsconfig/internal/clientca"
	"example.com/turnkey/tlsconfig/osfile"
)

// Options are the files, and how they are checked.
type Options struct {
	CertFiles, KeyFiles []string // equal in number
	Domains             []string // a renewed pair must be for those of them that the old one was for

	// Prod refuses a certificate of the development CA.
	Prod bool

	// Development is for a pair that package localca makes. Its path is not checked. It is also served for names that
	// it is not for, so that the browser shows which names it has.
	Development bool

	// Memory returns the pair in place of the files. nil: it is in the files.
	Memory func() (certPEM, keyPEM []byte)

	ClientCAs *clientca.CAs // nil: no client certificates are asked for
	Log       *slog.Logger  // required
}

// Source serves pairs of files. It is safe for concurrent use.
type Source struct {
	options Options
	config  *tls.Config
	current atomic.Pointer[cert.Snapshot]
	poll    osfile.Poller

	mu    sync.Mutex // of pairs, which Run changes and Status reads
	pairs []*pair
}

// New reads the files. A pair with a fault is an error.
func New(o Options) (*Source, error) {
	s := &Source{options: o, poll: make(osfile.Poller, 1)}
	for i := range o.CertFiles {
		p := o.pair(i)
		c := p.read()
		loaded, v := c.judge(nil, o)
		if !v.OK() {
			return nil, fmt.Errorf("loading certificate %s: %s", p.certFile, p.explain(v.Faults))
		}
		s.logNotes(p, v)
		p.cert, p.path, p.served, p.seen = loaded, v.Served, c.sum, c.sum
		s.pairs = append(s.pairs, p)
	}
	s.publish()
	s.config = o.ClientCAs.ServerConfig(func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		return s.current.Load().Lookup(hello)
	})
	return s, nil
}

// TLSConfig returns a new configuration that answers handshakes from memory.
func (s *Source) TLSConfig() *tls.Config { return s.options.ClientCAs.Live(s.config.Clone()) }

// HTTPHandler returns next: files need no challenges.
func (s *Source) HTTPHandler(next http.Handler) http.Handler { return next }

// Run reads the files again and again until ctx is done.
func (s *Source) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	wg.Go(func() { s.options.ClientCAs.Run(ctx) })
	s.poll.Run(ctx, s.look)
	wg.Wait()
	return nil
}

// Reload makes Run read the files at once, and serve a new pair without a second look.
func (s *Source) Reload() {
	s.options.ClientCAs.Reload()
	s.poll.Wake()
}

// Status returns the state of each pair.
func (s *Source) Status() []cert.Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []cert.Status
	for _, p := range s.pairs {
		out = append(out, cert.Status{
			Names: cert.Names(p.cert), Issuer: p.cert.Leaf.Issuer.CommonName, NotAfter: p.cert.Leaf.NotAfter,
			Next: "served until the files change", Error: p.problem,
		})
	}
	return out
}

// Secret returns the key of the first certificate. It is nil if the key is in hardware.
func (s *Source) Secret(context.Context) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	der, _ := x509.MarshalPKCS8PrivateKey(s.pairs[0].cert.PrivateKey)
	return der
}

// look reads every pair and publishes what changed. now skips the wait for a second equal look.
func (s *Source) look(now bool) {
	// Without the lock: a disk that hangs must not delay Status, and with it /readyz.
	contents := make([]content, len(s.pairs))
	for i, p := range s.pairs {
		contents[i] = p.read()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	changed := false
	for i, p := range s.pairs {
		changed = s.lookAt(p, contents[i], now) || changed
		s.remind(p)
	}
	if changed {
		s.publish()
	}
}

func (s *Source) publish() {
	var certs []*tls.Certificate
	for _, p := range s.pairs {
		certs = append(certs, p.cert)
	}
	next := cert.NewSnapshot(certs)
	next.Lax = s.options.Development
	s.current.Store(next)
}

// logNotes logs the notes on a pair that is served from now on. A leaf without a CA certificate is a warning, because
// most visitors may refuse it.
func (s *Source) logNotes(p *pair, v chain.Verdict) {
	if s.options.Development {
		return
	}
	for _, note := range v.Notes {
		level := slog.LevelInfo
		if (v.Alone || v.SelfSigned) && note.About == chain.Path {
			level = slog.LevelWarn
		}
		s.options.Log.Log(context.Background(), level, "a note on the certificate",
			"file", p.certFile, "note", note.String())
	}
}

// remind logs once a day that a certificate is overdue: the program that renews the files seems not to.
func (s *Source) remind(p *pair) {
	now := time.Now()
	if !chain.Overdue(p.cert.Leaf, now) || now.Sub(p.warned) < 24*time.Hour {
		return
	}
	p.warned = now
	level, msg := slog.LevelWarn, "certificate expires soon and its files have not been renewed"
	if now.After(p.cert.Leaf.NotAfter) {
		level, msg = slog.LevelError, "certificate has expired; browsers refuse it"
	}
	s.options.Log.Log(context.Background(), level, msg, "file", p.certFile, "not_after", p.cert.Leaf.NotAfter)
}
