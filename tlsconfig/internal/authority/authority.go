// Package authority gets certificates from an ACME CA (RFC 8555). It is the only room that knows autocert
// (golang.org/x/crypto/acme/autocert), and an issuer that the clock in room acme can use: another one with the same
// methods can take its place.
//
// autocert registers the account, places the order and proves control of the name. Around it are:
//
//   - authority.go: the CA, with the account's key in the store
//   - attempt.go: one try at one certificate, with an autocert.Manager that is discarded afterwards
//   - transport.go: the HTTP transport of one attempt, which reads the CA's responses before autocert does, and adds
//     to requests what autocert has no setting for
//   - answer.go: what a response says, in words for an operator
//   - ari.go: when the CA would like a certificate renewed
package authority

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/http"
	"sync"
	"time"

	"example.com/turnkey/tlsconfig/chain"
	"example.com/turnkey/tlsconfig/internal/cert"
	"example.com/turnkey/tlsconfig/internal/store"
	"example.com/turnkey/tlsconfig/setting"
)

// Options are the settings of one CA.
type Options struct {
	Directory string      // URL
	CAFile    string      // PEM roots for the directory's own HTTPS; empty: the system's
	Store     *store.Slot // for the account's key
	Email     string      // contact of the account; empty: none
	Profile   string      // of certificates; empty: the CA's default
	PlainPort bool        // port 80 is open, for http-01
	EABKeyID  string      // external account binding (RFC 8555 §7.3.4); empty: none
	EABKey    []byte
}

// Authority is one CA with one account. It is safe for concurrent use.
type Authority struct {
	options   Options
	transport http.RoundTripper

	account struct {
		sync.Mutex
		key     *ecdsa.PrivateKey // nil before it is read or made
		unsaved []byte            // PEM; nil when it is stored
	}

	mu       sync.RWMutex
	attempts map[string]*attempt // under way, by host
}

// New prepares a CA. It opens no connection.
func New(o Options) (*Authority, error) {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.ResponseHeaderTimeout = 30 * time.Second
	if o.CAFile != "" {
		pool, err := cert.ReadPool(o.CAFile)
		if err != nil {
			return nil, fmt.Errorf("ACME_CA_FILE %s: %w", o.CAFile, err)
		}
		t.TLSClientConfig = &tls.Config{RootCAs: pool}
	}
	return &Authority{options: o, transport: t, attempts: map[string]*attempt{}}, nil
}

// Directory returns the CA's URL without a password, to name the CA in messages.
func (a *Authority) Directory() string { return setting.Redacted(a.options.Directory) }

// Issue makes one attempt to get a certificate. Only one attempt for a host may be under way.
func (a *Authority) Issue(ctx context.Context, r cert.Request) (cert.Result, error) {
	t, err := a.newAttempt(ctx, r)
	if err != nil {
		return cert.Result{}, err
	}
	a.mu.Lock()
	a.attempts[r.Host] = t
	a.mu.Unlock()
	c, err := t.issue(ctx)
	a.mu.Lock()
	delete(a.attempts, r.Host)
	a.mu.Unlock()
	t.change(func(s *state) { s.closed = true })
	s := t.now()
	return cert.Result{Candidate: c, Placed: s.placed, OrderOver: s.orderOver}, err
}

// TLSChallenge answers the CA's tls-alpn-01 connection for a host (RFC 8737). It returns nothing without an attempt.
func (a *Authority) TLSChallenge(host string, hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	if t := a.underWay(host); t != nil {
		return t.manager.GetCertificate(hello)
	}
	return nil, nil
}

// HTTPChallenge returns the handler of the CA's http-01 requests for a host. It is nil without an attempt.
func (a *Authority) HTTPChallenge(host string) http.Handler {
	if t := a.underWay(host); t != nil {
		return t.http01
	}
	return nil
}

func (a *Authority) underWay(host string) *attempt {
	a.mu.RLock()
	defer a.mu.RUnlock()
	return a.attempts[host]
}

const accountFile = "account.key"

// Ready reads the account's key, or makes one, so that a later attempt does not need the store.
func (a *Authority) Ready(ctx context.Context) error {
	_, err := a.accountKey(ctx)
	return err
}

// accountKey reads the account's key at the first call. It makes one if there is none, or none that can be read. A key
// that cannot be stored is used, and stored later; see Keep.
func (a *Authority) accountKey(ctx context.Context) (*ecdsa.PrivateKey, error) {
	a.account.Lock()
	defer a.account.Unlock()
	if a.account.key != nil {
		return a.account.key, nil
	}
	data, err := a.options.Store.Get(ctx, accountFile)
	switch {
	case err == nil:
		if key, ok := chain.Read(nil, data).Key.(*ecdsa.PrivateKey); ok && key.Curve == elliptic.P256() {
			a.account.key = key
			return key, nil
		}
		if err := a.options.Store.SetAside(ctx, accountFile); err != nil {
			return nil, fmt.Errorf("setting the unreadable account key aside: %w", err)
		}
	case !store.IsMissing(err):
		return nil, fmt.Errorf("reading the account key: %w", err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, err
	}
	a.account.key, a.account.unsaved = key, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der})
	a.keep(ctx) // or else the clock calls Keep
	return key, nil
}

// Keep stores an account key that could not be stored when it was made.
func (a *Authority) Keep(ctx context.Context) error {
	a.account.Lock()
	defer a.account.Unlock()
	return a.keep(ctx)
}

// keep is Keep with the lock held.
func (a *Authority) keep(ctx context.Context) error {
	if a.account.unsaved == nil {
		return nil
	}
	err := a.options.Store.Put(ctx, accountFile, a.account.unsaved)
	if err == nil {
		a.account.unsaved = nil
	}
	return err
}
