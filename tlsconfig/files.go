package tlsconfig

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
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
		cert, sum, err := p.read()
		if err == nil {
			err = fresh(cert, time.Now())
		}
		if err != nil {
			return nil, fmt.Errorf("loading certificate %s: %w", p.certFile, err)
		}
		p.cert, p.served, p.seen = cert, sum, sum
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
		contents[i].cert, contents[i].sum, contents[i].err = p.read()
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

// content is what was read of a pair's files.
type content struct {
	cert *tls.Certificate
	sum  [32]byte
	err  error
}

func (f *files) lookAt(p *pair, c content, now bool) (changed bool) {
	log := f.options.Log.With("file", p.certFile)
	cert, sum, err := c.cert, c.sum, c.err
	stable := sum == p.seen
	p.seen = sum
	if err == nil && sum == p.served {
		if p.problem != "" {
			log.Info("certificate files are as before")
		}
		p.problem = ""
		return false
	}
	if !stable && !now {
		return false
	}
	if err == nil {
		err = f.better(p, cert)
	}
	if err != nil {
		if problem := err.Error(); problem != p.problem {
			p.problem = problem
			log.Error("the certificate in the files is not usable; the old one stays", "error", err,
				"old_not_after", p.cert.Leaf.NotAfter)
		}
		return false
	}
	p.cert, p.served, p.problem, p.warned = cert, sum, "", time.Time{}
	log.Info("certificate renewed", "names", leafNames(cert), "not_after", cert.Leaf.NotAfter)
	return true
}

// better refuses a certificate that would serve visitors worse than the one in hand.
func (f *files) better(p *pair, cert *tls.Certificate) error {
	if err := fresh(cert, time.Now()); err != nil {
		return err
	}
	if f.options.Prod && developed(cert) {
		return errDeveloped
	}
	if f.options.Mode == Local {
		return nil // made here, for the names as they are now
	}
	old, with := newSnapshot([]*tls.Certificate{p.cert}), newSnapshot([]*tls.Certificate{cert})
	for _, domain := range f.options.Domains {
		if old.covers(domain) && !with.covers(domain) {
			return fmt.Errorf("it is not for %s, which the old one is", domain)
		}
	}
	return nil
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
