package tlsconfig

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/acme"
	"golang.org/x/crypto/acme/autocert"
)

// Directories of Let's Encrypt.
const (
	ProductionDirectory = autocert.DefaultACMEDirectory
	StagingDirectory    = "https://acme-staging-v02.api.letsencrypt.org/directory"
)

// retryLadder is the wait after each failure in a row, the last rung for ever: what Let's Encrypt asks clients for
// (letsencrypt.org/docs/integration-guide, "Retrying failures").
var retryLadder = []time.Duration{time.Minute, 10 * time.Minute, 100 * time.Minute, 24 * time.Hour}

// acmeRefresh is how often the snapshot takes over what autocert renewed.
const acmeRefresh = time.Minute

// acmeSource gets certificates from an ACME certificate authority. autocert issues and renews; handshakes are
// answered from a snapshot and never wait for it.
type acmeSource struct {
	options  Options
	manager  *autocert.Manager
	config   *tls.Config
	current  atomic.Pointer[snapshot]
	allowed  map[string]bool
	mu       sync.Mutex
	hosts    []*acmeHost
	reloaded chan struct{} // closed and replaced by Reload
}

// acmeHost is what is known of one configured host.
type acmeHost struct {
	name   string
	cert   *tls.Certificate
	next   string
	failed error
}

func newACME(o Options) (Source, error) {
	if err := os.MkdirAll(o.CacheDir, 0o700); err != nil {
		return nil, fmt.Errorf("making ACME_CACHE: %w", err)
	}
	client := &http.Client{Timeout: 30 * time.Second}
	if o.CAFile != "" {
		pool, err := readPool(o.CAFile)
		if err != nil {
			return nil, fmt.Errorf("ACME_CA_FILE %s: %w", o.CAFile, err)
		}
		transport := http.DefaultTransport.(*http.Transport).Clone()
		transport.TLSClientConfig = &tls.Config{RootCAs: pool}
		client.Transport = transport
	}
	s := &acmeSource{options: o, allowed: map[string]bool{}, reloaded: make(chan struct{})}
	for _, d := range o.Domains {
		s.allowed[d] = true
		s.hosts = append(s.hosts, &acmeHost{name: d, next: "issued at the start"})
	}
	s.manager = &autocert.Manager{
		Prompt:     autocert.AcceptTOS,
		Cache:      autocert.DirCache(o.CacheDir),
		HostPolicy: s.hostPolicy,
		Email:      o.Email,
		Client: &acme.Client{
			DirectoryURL: o.Directory,
			HTTPClient:   client,
			UserAgent:    "turnkey",
			// A CA that says "too many requests" is left alone; the ladder above decides when to ask again.
			RetryBackoff: func(n int, _ *http.Request, resp *http.Response) time.Duration {
				if n > 3 || resp.StatusCode == http.StatusTooManyRequests {
					return 0
				}
				return time.Duration(n) * time.Second
			},
		},
	}
	if o.EABKeyID != "" {
		s.manager.ExternalAccountBinding = &acme.ExternalAccountBinding{KID: o.EABKeyID, Key: o.EABKey}
	}
	s.current.Store(newSnapshot(nil))
	var err error
	s.config, err = serverConfig(o, s.getCertificate)
	if err != nil {
		return nil, err
	}
	s.config.NextProtos = append(s.config.NextProtos, acme.ALPNProto)
	if s.config.ClientAuth != tls.NoClientCert {
		// The CA's own tls-alpn-01 connection has no client certificate, and gets no page either.
		challenge := s.config.Clone()
		challenge.ClientAuth, challenge.ClientCAs = tls.NoClientCert, nil
		challenge.NextProtos = []string{acme.ALPNProto}
		s.config.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			if isChallenge(hello) {
				return challenge, nil
			}
			return nil, nil
		}
	}
	return s, nil
}

func (s *acmeSource) TLSConfig() *tls.Config { return s.config.Clone() }

func (s *acmeSource) HTTPHandler(next http.Handler) http.Handler { return s.manager.HTTPHandler(next) }

// Run keeps every host supplied until ctx is done. It does not wait for an order under way, which autocert offers
// no way to end.
func (s *acmeSource) Run(ctx context.Context) error {
	for _, h := range s.hosts {
		go s.keep(ctx, h)
	}
	<-ctx.Done()
	return nil
}

// Reload tries hosts that are waiting after a failure again at once.
func (s *acmeSource) Reload() {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.reloaded)
	s.reloaded = make(chan struct{})
}

func (s *acmeSource) Status() []Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Status
	for _, h := range s.hosts {
		st := Status{Names: []string{h.name}, Next: h.next}
		if h.cert != nil {
			st.Issuer, st.NotAfter = h.cert.Leaf.Issuer.CommonName, h.cert.Leaf.NotAfter
		}
		if h.failed != nil {
			st.Error = h.failed.Error()
		}
		out = append(out, st)
	}
	return out
}

// keep is the life of one host: get its certificate, then take over each renewal.
func (s *acmeSource) keep(ctx context.Context, h *acmeHost) {
	log := s.options.Log.With("host", h.name)
	failures := 0
	for {
		s.mu.Lock()
		reloaded := s.reloaded
		s.mu.Unlock()

		started := time.Now()
		cert, err := s.manager.GetCertificate(completeHello(h.name))
		var wait time.Duration
		if err != nil {
			wait = retryLadder[min(failures, len(retryLadder)-1)]
			failures++
			log.Error("no certificate", "error", err, "directory", s.options.Directory, "took", time.Since(started), "again_in", wait)
		} else {
			wait, failures = acmeRefresh, 0
		}
		if s.record(h, cert, err, wait) {
			log.Info("certificate obtained", "issuer", cert.Leaf.Issuer.CommonName, "not_after", cert.Leaf.NotAfter, "took", time.Since(started))
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		case <-reloaded:
			timer.Stop()
		}
	}
}

// record notes an outcome and publishes a certificate that is new; the one in hand outlives failures.
func (s *acmeSource) record(h *acmeHost, cert *tls.Certificate, err error, wait time.Duration) (isNew bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h.failed = err
	if err != nil {
		h.next = "tried again at " + time.Now().Add(wait).UTC().Format(time.RFC3339)
		return false
	}
	h.next = "renewed when a third of its life is left"
	if h.cert != nil && slices.Equal(h.cert.Certificate[0], cert.Certificate[0]) {
		return false
	}
	h.cert = cert
	var certs []*tls.Certificate
	for _, h := range s.hosts {
		if h.cert != nil {
			certs = append(certs, h.cert)
		}
	}
	next := newSnapshot(certs)
	next.first = s.hosts[0].cert // the canonical host's own, or none
	s.current.Store(next)
	return true
}

// getCertificate answers challenges through autocert, and everybody else from memory.
func (s *acmeSource) getCertificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	if isChallenge(hello) {
		if !s.allowed[normalName(hello.ServerName)] {
			return nil, nil
		}
		return s.manager.GetCertificate(hello)
	}
	return s.current.Load().lookup(hello)
}

// hostPolicy lets autocert issue for the configured hosts only. It sees http-01 Host headers as clients write them.
func (s *acmeSource) hostPolicy(_ context.Context, host string) error {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	if s.allowed[normalName(host)] {
		return nil
	}
	return errors.New("not a configured host")
}

// isChallenge recognises the CA's tls-alpn-01 connection (RFC 8737 §4).
func isChallenge(hello *tls.ClientHelloInfo) bool {
	return len(hello.SupportedProtos) == 1 && hello.SupportedProtos[0] == acme.ALPNProto
}

// completeHello is a hello from which autocert can tell that the client understands ECDSA. From an emptier one it
// concludes the contrary and orders an RSA certificate (golang/go#50522).
func completeHello(host string) *tls.ClientHelloInfo {
	return &tls.ClientHelloInfo{
		ServerName:        host,
		SupportedVersions: []uint16{tls.VersionTLS13, tls.VersionTLS12},
		CipherSuites:      []uint16{tls.TLS_AES_128_GCM_SHA256, tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256},
		SupportedCurves:   []tls.CurveID{tls.X25519, tls.CurveP256},
		SupportedPoints:   []uint8{0},
		SignatureSchemes:  []tls.SignatureScheme{tls.ECDSAWithP256AndSHA256},
		SupportedProtos:   []string{"h2", "http/1.1"},
	}
}

// checkACME looks at everything an order needs that can be known without placing one.
func checkACME(o Options) []Fault {
	var faults []Fault
	add := func(setting, value, problem, fix string) {
		faults = append(faults, Fault{setting, value, problem, fix})
	}
	if len(o.Domains) == 0 {
		add("DOMAINS", "", "required by TLS_MODE=acme", "list the host names to get certificates for, the main one first, e.g. DOMAINS=example.com,www.example.com")
	}
	for _, d := range o.Domains {
		switch {
		case strings.HasPrefix(d, "*."):
			add("DOMAINS", d, "automatic certificates cannot be for a wildcard", "list each host, or set TLS_MODE=files with a wildcard certificate of your own")
		case net.ParseIP(d) != nil:
			add("DOMAINS", d, "automatic certificates are for names, not addresses", "list host names")
		case !strings.Contains(d, ".") || strings.HasSuffix(d, ".localhost"):
			add("DOMAINS", d, "no certificate authority can vouch for a local name", "list a public host name, or set ENV=dev")
		}
	}
	if u, err := url.Parse(o.Directory); err != nil || u.Scheme != "https" || u.Host == "" {
		add("ACME_DIRECTORY", o.Directory, "is not an https URL", "give production, staging, or the directory URL that your CA documents")
	}
	if o.CAFile != "" {
		if _, err := readPool(o.CAFile); err != nil {
			add("ACME_CA_FILE", o.CAFile, err.Error(), "give a PEM file with the root that signed the ACME server's own certificate")
		}
	}
	if err := writable(o.CacheDir); err != nil {
		add("ACME_CACHE", o.CacheDir, err.Error(), "give a directory that this user can write and that outlives a deployment; without it every start orders anew")
	}
	return faults
}

// writable tries to put a file where the certificates will be kept, or where their directory would be made.
func writable(dir string) error {
	for {
		info, err := os.Stat(dir)
		if err == nil && !info.IsDir() {
			return fmt.Errorf("%s is not a directory", dir)
		}
		if err == nil {
			break
		}
		if !errors.Is(err, os.ErrNotExist) {
			return plainError(err)
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return plainError(err)
		}
		dir = parent
	}
	f, err := os.CreateTemp(dir, ".writable-*")
	if err != nil {
		return fmt.Errorf("cannot be written: %w", plainError(err))
	}
	f.Close()
	return os.Remove(f.Name())
}
