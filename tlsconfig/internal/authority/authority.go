// Package authority gets certificates from an ACME CA (RFC 8555). It is the only room that knows autocert
// (golang.org/x/crypto/acme/autocert), and an issuer that the clock in room acme can use: another one with the same
// methods can take its place.
//
// autocert registers the account, places the order and proves control of the name. Around it are:
//
//   - account.go: the account's key, in the store
//   - attempt.go: one try at one certificate, with an autocert.Manager that is discarded afterwards
//   - transport.go, read.go: the HTTP transport of one attempt, which reads the CA's responses before autocert does
//   - amend.go: fields of requests for which autocert has no setting
//   - answer.go, link.go, problem.go: what a response says, in words for an operator
//   - fetch.go: the certificate, judged, and fetched again until it is whole
//   - ari.go: when the CA would like a certificate renewed
package authority

import (
	"context"
	"crypto/tls"
	"net/http"
	"sync"

	"golang.org/x/crypto/acme"

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
	account   account

	mu       sync.RWMutex
	attempts map[string]*attempt // under way, by host
}

// New prepares a CA. It opens no connection.
func New(o Options) (*Authority, error) {
	transport, err := newTransport(o.CAFile)
	if err != nil {
		return nil, err
	}
	return &Authority{options: o, transport: transport, attempts: map[string]*attempt{}}, nil
}

// Directory returns the CA's URL without a password, to name the CA in messages.
func (a *Authority) Directory() string { return setting.Redacted(a.options.Directory) }

// Ready reads the account's key, or makes one, so that a later attempt does not need the store.
func (a *Authority) Ready(ctx context.Context) error {
	_, err := a.account.load(ctx, a.options.Store)
	return err
}

// Keep stores an account key that could not be stored when it was made.
func (a *Authority) Keep(ctx context.Context) error { return a.account.keep(ctx, a.options.Store) }

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
	t.transport.close()
	return cert.Result{Candidate: c, Placed: t.transport.ordersPlaced(), OrderOver: t.transport.orderIsOver()}, err
}

// TLSChallenge answers the CA's tls-alpn-01 connection for a host (RFC 8737). It returns neither certificate nor error
// if no attempt for the host is under way.
func (a *Authority) TLSChallenge(host string, hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	if t := a.underWay(host); t != nil {
		return t.manager.GetCertificate(hello)
	}
	return nil, nil
}

// HTTPChallenge returns the handler of the CA's http-01 requests for a host. It is nil if no attempt for the host is
// under way.
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

// binding is nil without an external account.
func (o Options) binding() *acme.ExternalAccountBinding {
	if o.EABKeyID == "" {
		return nil
	}
	return &acme.ExternalAccountBinding{KID: o.EABKeyID, Key: o.EABKey}
}
