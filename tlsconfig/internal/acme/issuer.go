package acme

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"time"

	"example.com/turnkey/tlsconfig/internal/cert"
)

// Issuer gets certificates from one CA, one attempt at a time for each host. *authority.Authority is one. It decides
// nothing about time: when to try, and when to try again, is decided here.
type Issuer interface {
	// Directory names the CA in messages.
	Directory() string

	// Ready reads or makes the account's key, so that a later attempt does not need the store.
	Ready(ctx context.Context) error

	// Keep stores an account key that could not be stored when it was made.
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

	// HTTPChallenge returns the handler of the CA's http-01 requests for a host. It is nil if no attempt for the host
	// is under way.
	HTTPChallenge(host string) http.Handler
}
