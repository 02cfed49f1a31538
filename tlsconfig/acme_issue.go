package tlsconfig

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"golang.org/x/crypto/acme"
	"golang.org/x/crypto/acme/autocert"
)

// attempt is one try to get one certificate: an autocert manager that knows nothing of earlier ones, so that it
// orders anew, and that is discarded afterwards.
//
// autocert registers the account, orders, and proves control of the name. It also makes a key for the certificate, and
// returns it only together with a certificate that it accepts. After a damaged response the key would be lost, and the order
// with it. So the request for the certificate is for a key of ours, which is stored beforehand (acme_pending.go). The CA's
// response is read before autocert sees it, and judged here (acme_fetch.go). autocert then reports that the certificate is
// not for its own key, and this error is ignored.
type attempt struct {
	host    string
	log     *slog.Logger
	manager *autocert.Manager
	http01  http.Handler
	way     *listener
}

// order is what an attempt asks for beyond a name.
type order struct {
	host     string
	replaces string             // ARI identifier of the certificate to renew (RFC 9773 §5); empty: none
	pending  *pendingOrder      // to go on with; nil: order anew
	keep     func(pendingOrder) // stores an order before the CA is asked for its certificate; nil: it is not stored
	log      *slog.Logger
}

// newAttempt prepares a try at an authority. It blocks while the account key is read or made.
func newAttempt(ctx context.Context, a *authority, o order) (*attempt, error) {
	key, err := a.account.load(ctx, a.store)
	if err != nil {
		return nil, err
	}
	// The way stays open for lastMoment when ctx is done; end closes it.
	way := &listener{authority: a, ctx: context.WithoutCancel(ctx), host: o.host, maxOrders: 1, keep: o.keep}
	way.sign = func(protected, payload string) (string, error) { return signES256(key, protected+"."+payload) }
	if o.pending != nil {
		way.order = *o.pending
	}
	if a.profile != "" || o.replaces != "" {
		way.amend = func(payload map[string]any) error {
			if a.profile != "" {
				payload["profile"] = a.profile
			}
			if o.replaces != "" {
				payload["replaces"] = o.replaces
			}
			return nil
		}
	}
	t := &attempt{host: o.host, log: o.log, way: way}
	t.manager = &autocert.Manager{
		Prompt:                 autocert.AcceptTOS,
		HostPolicy:             autocert.HostWhitelist(o.host),
		Email:                  a.email,
		ExternalAccountBinding: a.eab,
		Client: &acme.Client{
			Key: key, DirectoryURL: a.directory, UserAgent: "turnkey",
			HTTPClient:   &http.Client{Transport: way},
			RetryBackoff: retryBackoff,
		},
	}
	if a.plainPort {
		way.maxOrders = 2 // autocert places one for each kind of challenge
		t.http01 = t.manager.HTTPHandler(http.NotFoundHandler())
	} else {
		t.http01 = http.NotFoundHandler()
	}
	return t, nil
}

// lastMoment is how long an order under way may still come to its end when the process stops.
const lastMoment = 2 * time.Second

// issue places the order, or goes on with the pending one, and waits for the certificate. The error has the authority's own
// words where it gave any. When ctx is done, issue returns within lastMoment. What autocert still waits for then ends by
// itself within minutes.
func (t *attempt) issue(ctx context.Context) (candidate, error) {
	resumed := t.way.pending().Key != nil
	done := make(chan error, 1)
	go func() {
		if resumed {
			done <- t.resume(ctx)
			return
		}
		_, err := t.manager.GetCertificate(completeHello(t.host))
		done <- err
	}()
	var err error
	select {
	case err = <-done:
	case <-ctx.Done():
		select {
		case err = <-done:
		case <-time.After(lastMoment):
			err = fmt.Errorf("ordering: %w", context.Cause(ctx))
		}
	}
	cert, err := t.collect(ctx, err)
	if err == nil || errors.Is(err, context.Canceled) {
		return cert, err
	}
	if p := worst(t.way.said()); p != nil && t.way.pending().Certificate == "" {
		return cert, p
	}
	return cert, err
}

// end discards the attempt. No later request of it reaches the authority.
func (t *attempt) end() { t.way.close() }

// retryBackoff leaves an authority alone that says "too many requests"; autocert would sleep on it with the order
// open (golang/go#40161). When to come back is the ladder's to decide.
func retryBackoff(n int, _ *http.Request, resp *http.Response) time.Duration {
	switch {
	case resp.StatusCode == http.StatusTooManyRequests, n > 4:
		return 0
	case resp.StatusCode == http.StatusBadRequest: // a nonce that went stale
		return 10 * time.Millisecond
	}
	return time.Duration(n) * time.Second
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
