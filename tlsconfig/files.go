package tlsconfig

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"example.com/turnkey/tlsconfig/localca"
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
	current atomic.Pointer[snapshot]
	poke    chan struct{}

	mu    sync.Mutex // the rest is Run's and Status's
	pairs []*pair
}

// pair is one certificate file and one key file.
type pair struct {
	certFile, keyFile string
	cert              *tls.Certificate // being served
	served            [32]byte         // content of the two files that cert came from
	seen              [32]byte         // content at the last look
	problem           string           // why the files' present content is not served
	warned            time.Time
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
	f.config, err = serverConfig(o, func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		return f.current.Load().lookup(hello)
	})
	return f, err
}

func (f *files) TLSConfig() *tls.Config { return f.config.Clone() }

func (f *files) HTTPHandler(next http.Handler) http.Handler { return next }

func (f *files) Run(ctx context.Context) error {
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

// read loads the pair and checks that it is whole: certificate and key belong together and no block is cut off.
// The sum stands for what was read, also when it was not usable.
func (p *pair) read() (cert *tls.Certificate, sum [32]byte, err error) {
	certPEM, certErr := os.ReadFile(p.certFile)
	keyPEM, keyErr := os.ReadFile(p.keyFile)
	sum = sha256.Sum256(slices.Concat(certPEM, []byte{0}, keyPEM))
	switch {
	case certErr != nil:
		return nil, sum, plainError(certErr)
	case keyErr != nil:
		return nil, sum, fmt.Errorf("key %s: %w", p.keyFile, plainError(keyErr))
	}
	if err := wholePEM(certPEM); err != nil {
		return nil, sum, err
	}
	loaded, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		return nil, sum, readable(err, p.keyFile)
	}
	return &loaded, sum, nil
}

// wholePEM finds what pem.Decode skips in silence: a last block that is only half there.
func wholePEM(data []byte) error {
	for {
		block, rest := pem.Decode(data)
		if block == nil {
			if bytes.Contains(rest, []byte("-----BEGIN")) {
				return errors.New("its last PEM block is cut off")
			}
			return nil
		}
		data = rest
	}
}

// readable says in an operator's words what crypto/tls says in a programmer's.
func readable(err error, keyFile string) error {
	switch msg := err.Error(); {
	case strings.Contains(msg, "private key does not match"):
		return fmt.Errorf("the key in %s belongs to another certificate", keyFile)
	case strings.Contains(msg, "failed to find any PEM data in certificate"), strings.Contains(msg, "failed to find certificate PEM"):
		return errors.New("holds no PEM certificate")
	case strings.Contains(msg, "key input"):
		return fmt.Errorf("%s holds no PEM private key", keyFile)
	}
	return err
}

// fresh refuses what no browser would accept, by its dates or because it names nobody.
func fresh(cert *tls.Certificate, now time.Time) error {
	switch leaf := cert.Leaf; {
	case len(leaf.DNSNames)+len(leaf.IPAddresses) == 0:
		return errors.New("it names no host (subject alternative names), so no browser accepts it")
	case now.After(leaf.NotAfter):
		return fmt.Errorf("it expired on %s", leaf.NotAfter.UTC().Format(time.RFC3339))
	case now.Before(leaf.NotBefore):
		return fmt.Errorf("it is valid only from %s; is the clock right?", leaf.NotBefore.UTC().Format(time.RFC3339))
	}
	return nil
}

var errDeveloped = errors.New("a development certificate cannot serve in production: no visitor's browser trusts it")

// developed says whether the development CA made a certificate.
func developed(cert *tls.Certificate) bool {
	return slices.Contains(cert.Leaf.Issuer.Organization, localca.Organization)
}

// checkFiles looks at every pair, then whether together they are for every domain.
func checkFiles(o Options) []Fault {
	if len(o.CertFiles) == 0 {
		return []Fault{{"TLS_CERT_FILE", "", "required by TLS_MODE=files", "name your certificate chain, e.g. TLS_CERT_FILE=/etc/letsencrypt/live/example.com/fullchain.pem"}}
	}
	if len(o.CertFiles) != len(o.KeyFiles) {
		return []Fault{{"TLS_KEY_FILE", strings.Join(o.KeyFiles, ","),
			fmt.Sprintf("%d keys for %d certificates", len(o.KeyFiles), len(o.CertFiles)), "name one key for each file of TLS_CERT_FILE, in the same order"}}
	}
	var faults []Fault
	var certs []*tls.Certificate
	for i, file := range o.CertFiles {
		p := &pair{certFile: file, keyFile: o.KeyFiles[i]}
		cert, _, err := p.read()
		if err == nil {
			err = fresh(cert, time.Now())
			certs = append(certs, cert)
		}
		if err == nil && o.Prod && developed(cert) {
			faults = append(faults, Fault{"TLS_CERT_FILE", file, errDeveloped.Error(),
				"point TLS_CERT_FILE and TLS_KEY_FILE at a certificate of a public authority, set TLS_MODE=acme to get one, or set ENV=dev"})
		}
		if err != nil {
			faults = append(faults, Fault{"TLS_CERT_FILE", file, err.Error(), "point TLS_CERT_FILE and TLS_KEY_FILE at a current certificate chain and its own key"})
		}
	}
	if len(certs) < len(o.CertFiles) {
		return faults // the missing pair may be the one for a domain below
	}
	all := newSnapshot(certs)
	for _, domain := range o.Domains {
		if !all.covers(domain) {
			faults = append(faults, Fault{"TLS_CERT_FILE", strings.Join(o.CertFiles, ","), "no certificate in it is for " + domain,
				"add the certificate for " + domain + ", or take the name out of DOMAINS"})
		}
	}
	return faults
}

// CertNames are the names in the leaf certificates of PEM files, in order and each once; unreadable files have none.
func CertNames(certFiles, keyFiles []string) []string {
	var names []string
	for i := range min(len(certFiles), len(keyFiles)) {
		p := &pair{certFile: certFiles[i], keyFile: keyFiles[i]}
		if cert, _, err := p.read(); err == nil {
			for _, n := range leafNames(cert) {
				if !slices.Contains(names, n) {
					names = append(names, n)
				}
			}
		}
	}
	return names
}
