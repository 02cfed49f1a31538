package tlsconfig

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"example.com/turnkey/tlsconfig/chain"
)

const (
	// filesPoll is how often the files are read. A changed pair must read the same twice before it is taken
	// up, so that a file that is still being written never is: a renewal is served within two polls.
	//
	// Reading beats watching here: certbot's links, Kubernetes' swapped directories and network file systems
	// each defeat file notifications in their own way, and a pair is a few kilobytes.
	filesPoll = 2 * time.Second

	// expiryWarning is how long before a certificate's end its owner is reminded, once a day.
	expiryWarning = 14 * 24 * time.Hour
)

// files serves PEM pairs and takes up renewed ones while it runs. The old pair stays until a better one is there.
type files struct {
	options Options
	config  *tls.Config
	clients *clientCAs
	current atomic.Pointer[snapshot]
	poke    chan struct{}

	mu    sync.Mutex // the rest is Run's and Status's
	pairs []*pair
}

func newFiles(o Options) (*files, error) {
	f := &files{options: o, poke: make(chan struct{}, 1)}
	for i := range o.CertFiles {
		p := &pair{certFile: o.CertFiles[i], keyFile: o.KeyFiles[i]}
		c := p.read()
		cert, v := c.judge(nil, o)
		if !v.OK() {
			return nil, fmt.Errorf("loading certificate %s: %s", p.certFile, p.explain(v.Faults))
		}
		f.tell(p, v)
		p.cert, p.served, p.seen = cert, c.sum, c.sum
		f.pairs = append(f.pairs, p)
	}
	f.publish()
	var err error
	f.config, f.clients, err = serverConfig(o, func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		return f.current.Load().lookup(hello)
	})
	return f, err
}

func (f *files) TLSConfig() *tls.Config { return f.clients.live(f.config.Clone()) }

func (f *files) HTTPHandler(next http.Handler) http.Handler { return next }

func (f *files) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() { f.clients.run(ctx) })
	ticker := time.NewTicker(filesPoll)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
			f.look(false)
		case <-f.poke:
			f.look(true)
		}
	}
}

// Reload reads the files now and takes up what is there without the second look.
func (f *files) Reload() {
	f.clients.reload()
	select {
	case f.poke <- struct{}{}:
	default: // one is under way
	}
}

func (f *files) Status() []Status {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []Status
	for _, p := range f.pairs {
		out = append(out, Status{
			Names: leafNames(p.cert), Issuer: p.cert.Leaf.Issuer.CommonName, NotAfter: p.cert.Leaf.NotAfter,
			Next: "served until the files change", Error: p.problem,
		})
	}
	return out
}

// look reads every pair and publishes what changed. now skips the wait for a second equal look.
func (f *files) look(now bool) {
	// Without the lock: a disk that hangs must not hold up Status, and with it /readyz.
	contents := make([]content, len(f.pairs))
	for i, p := range f.pairs {
		contents[i] = p.read()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	changed := false
	for i, p := range f.pairs {
		changed = f.lookAt(p, contents[i], now) || changed
		f.remind(p)
	}
	if changed {
		f.publish()
	}
}

// lookAt serves the pair that was read if it is better than the one that is served.
func (f *files) lookAt(p *pair, c content, now bool) (changed bool) {
	log := f.options.Log.With("file", p.certFile)
	stable := c.sum == p.seen
	p.seen = c.sum
	if c.sum == p.served && len(c.pair.Certs) > 0 {
		if p.problem != p.flaw {
			log.Info("certificate files are as before")
		}
		p.problem = p.flaw
		return false
	}
	if !stable && !now {
		return false
	}
	cert, v := c.judge(f.needed(p), f.options)
	if cert != nil {
		v.Faults = append(v.Faults, lost(p.cert, v)...)
	}
	problem := p.explain(v.Faults)
	if problem != "" && !f.lesserEvil(p, cert, v) {
		if problem != p.problem {
			p.problem = problem
			log.Error("the certificate in the files is not usable; the old one stays", "error", problem, "old_not_after",
				p.cert.Leaf.NotAfter)
		}
		return false
	}
	old := p.cert.Leaf.NotAfter
	p.cert, p.served, p.flaw, p.problem, p.warned = cert, c.sum, problem, problem, time.Time{}
	if problem != "" {
		log.Error("the certificate in the files is not usable; it is served, as visitors do not accept the old one either",
			"error", problem,
			"names", leafNames(cert), "not_after", cert.Leaf.NotAfter, "old_not_after", old)
		return true
	}
	log.Info("certificate renewed", "names", leafNames(cert), "not_after", cert.Leaf.NotAfter)
	f.tell(p, v)
	return true
}

// needed are the names of the site that the pair's certificate is for: a new one must not lose them.
func (f *files) needed(p *pair) []string {
	if f.options.Mode == Local {
		return nil // made here, for the names as they are now
	}
	old := newSnapshot([]*tls.Certificate{p.cert})
	return slices.DeleteFunc(slices.Clone(f.options.Domains), func(name string) bool { return !old.covers(name) })
}

// lost is a fault where a leaf came without what made visitors accept the old one. It may be signed by itself, as the
// certificates are that distributions make for a first start. Or the certificate that signed it is missing, and the old
// pair has that one: it was left out by mistake. If the old pair does not have it, a root may have signed the leaf directly.
func lost(old *tls.Certificate, v verdict) []chain.Reason {
	if v.SelfSigned && !usable(parsed(old), nil, nil, time.Now()).SelfSigned {
		return []chain.Reason{{About: chain.Path, Text: "it is signed by itself, and the one before was signed by a CA",
			Fix: "put the CA's certificate there, or restart to serve this one"}}
	}
	if !v.Alone {
		return nil
	}
	for _, der := range old.Certificate[1:] {
		signer, err := x509.ParseCertificate(der)
		if err == nil && v.Served[0].CheckSignatureFrom(signer) == nil {
			return []chain.Reason{{
				About: chain.Path,
				Text:  fmt.Sprintf("the certificate that signed it, %q, is missing, and was there before", signer.Subject.CommonName),
				Fix:   "put the CA's chain behind your certificate, as in fullchain.pem",
			}}
		}
	}
	return nil
}

// lesserEvil reports whether to serve a pair in spite of its faults: visitors no longer accept the old one, by its dates
// or its signer's, and the new one ends later and is for the same names.
func (f *files) lesserEvil(p *pair, cert *tls.Certificate, v verdict) bool {
	if cert == nil || !cert.Leaf.NotAfter.After(p.cert.Leaf.NotAfter) || f.options.Prod && developed(cert) {
		return false
	}
	if slices.ContainsFunc(v.Faults, func(r chain.Reason) bool { return r.About == chain.Names }) {
		return false
	}
	return !usable(parsed(p.cert), nil, nil, time.Now()).OK()
}

// parsed are the certificates that a tls.Certificate sends.
func parsed(cert *tls.Certificate) []*x509.Certificate {
	var out []*x509.Certificate
	for _, der := range cert.Certificate {
		if c, err := x509.ParseCertificate(der); err == nil {
			out = append(out, c)
		}
	}
	return out
}

// tell logs the notes on a pair that is served from now on. A lone leaf is a warning, because most visitors may refuse it.
func (f *files) tell(p *pair, v verdict) {
	if f.options.Mode == Local {
		return
	}
	for _, note := range v.Notes {
		level := slog.LevelInfo
		if (v.Alone || v.SelfSigned) && note.About == chain.Path {
			level = slog.LevelWarn
		}
		f.options.Log.Log(context.Background(), level, "a note on the certificate", "file", p.certFile, "note", note.String())
	}
}

// remind says once a day that a certificate nears its end: whoever renews the files seems not to.
func (f *files) remind(p *pair) {
	left := time.Until(p.cert.Leaf.NotAfter)
	if left > expiryWarning || time.Since(p.warned) < 24*time.Hour {
		return
	}
	p.warned = time.Now()
	level, msg := slog.LevelWarn, "certificate expires soon and its files have not been renewed"
	if left < 0 {
		level, msg = slog.LevelError, "certificate has expired; browsers refuse it"
	}
	f.options.Log.Log(context.Background(), level, msg, "file", p.certFile, "not_after", p.cert.Leaf.NotAfter)
}

func (f *files) publish() {
	var certs []*tls.Certificate
	for _, p := range f.pairs {
		certs = append(certs, p.cert)
	}
	s := newSnapshot(certs)
	s.lax = f.options.Mode == Local
	f.current.Store(s)
}
