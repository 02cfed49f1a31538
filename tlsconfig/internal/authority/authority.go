// Package authority gets certificates from an ACME CA (RFC 8555). It is the only package that uses autocert
// (golang.org/x/crypto/acme/autocert). Authority implements acme.Issuer, so another implementation can replace it.
//
// autocert registers the account, places the order and proves control of the name. Around it are:
//
//   - authority.go: the CA, and answers to its challenges
//   - account.go, tokens.go: what processes with one store share, so that each can answer for all
//   - attempt.go: one try at one certificate, with an autocert.Manager that is discarded afterwards
//   - address.go: the same for an address, without autocert, which supports names only
//   - collect.go: the certificate that came is checked, and fetched again until it is complete
//   - transport.go: the HTTP transport of one attempt, which reads the CA's responses before autocert does, and adds
//     to requests what autocert has no setting for
//   - answer.go: what a response says, in words for an operator
//   - ari.go: when the CA would like a certificate renewed
package authority

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"sync"
	"time"

	"golang.org/x/crypto/acme"

	"example.com/turnkey/tlsconfig/internal/cert"
	"example.com/turnkey/tlsconfig/internal/store"
	"example.com/turnkey/tlsconfig/setting"
)

// Options are the settings of one CA.
type Options struct {
	Directory string      // URL
	CAFile    string      // PEM roots for the directory's own HTTPS; empty: the system's
	Store     *store.Slot // for the account's key and answers to challenges; processes that share it are one account
	Email     string      // contact of the account; empty: none
	Profile   string      // of certificates; empty: the CA's default, and shortlived for an address if the CA lists it
	PlainPort bool        // port 80 is open, for http-01
	EABKeyID  string      // external account binding (RFC 8555 §7.3.4); empty: none
	EABKey    []byte

	// Account is the CA whose account key is used here too. The answer to http-01 is made of the key, and the request
	// for it does not say which CA it comes from. nil: this CA has a key of its own.
	Account *Authority
}

// binding returns the external account binding. It is nil if there is none.
func (o *Options) binding() *acme.ExternalAccountBinding {
	if o.EABKeyID == "" {
		return nil
	}
	return &acme.ExternalAccountBinding{KID: o.EABKeyID, Key: o.EABKey}
}

// Authority is one CA with one account. It is safe for concurrent use.
type Authority struct {
	options   Options
	transport http.RoundTripper

	account *account
	tokens  tokens

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
	a := &Authority{options: o, transport: t, account: &account{store: o.Store},
		tokens: tokens{store: o.Store}, attempts: map[string]*attempt{}}
	if o.Account != nil {
		a.account = o.Account.account
	}
	return a, nil
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
	t.change(func(s *state) { s.over = errAttemptOver })
	s := t.now()
	return cert.Result{Candidate: c, Placed: s.placed, OrderOver: s.orderOver}, err
}

// TLSChallenge answers the CA's tls-alpn-01 connection for a host (RFC 8737), for an attempt of this process or of
// another one with the same store. It returns nothing without an attempt.
func (a *Authority) TLSChallenge(host string, hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	if t := a.underWay(host); t != nil {
		return t.tlsChallenge(hello)
	}
	return a.tokens.get(cert.StoreName(host))
}

// HTTPChallenge returns what the CA wants to read for the token of an http-01 challenge (RFC 8555 §8.3). It answers any
// token, because the attempt may be another process's, and only the account can use the answer. It is empty for an
// invalid token, if port 80 is closed, and before the account's key is read.
func (a *Authority) HTTPChallenge(token string) string {
	if !a.options.PlainPort || !tokenSyntax.MatchString(token) {
		return ""
	}
	return a.account.answer(token)
}

func (a *Authority) underWay(host string) *attempt {
	a.mu.RLock()
	defer a.mu.RUnlock()
	return a.attempts[host]
}

// Ready reads the account's key, or makes one, so that challenges are answered from now on.
func (a *Authority) Ready(ctx context.Context) error {
	_, err := a.account.load(ctx)
	return err
}

// Keep stores the account's key again if the store has lost it.
func (a *Authority) Keep(ctx context.Context) error { return a.account.restore(ctx) }
