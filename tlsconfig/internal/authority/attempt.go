package authority

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

	"example.com/turnkey/tlsconfig/internal/cert"
)

// attempt is one try to get one certificate. Its autocert.Manager knows no earlier try, so that it orders anew.
//
// autocert makes a key for the certificate, and returns the key only together with a certificate that it accepts. After
// a damaged response the key would be lost, and the order with it. So the request for the certificate is for a key of
// the order's own (cert.Order), which is stored before the request is sent. The CA's response is read before autocert
// sees it, and judged in fetch.go. autocert then reports that the certificate is not for its own key, and this error is
// ignored.
type attempt struct {
	host      string
	log       *slog.Logger
	manager   *autocert.Manager
	http01    http.Handler
	transport *transport
}

// newAttempt prepares a try. It blocks while the account's key is read or made.
func (a *Authority) newAttempt(ctx context.Context, r cert.Request) (*attempt, error) {
	key, err := a.account.load(ctx, a.options.Store)
	if err != nil {
		return nil, err
	}
	t := &attempt{host: r.Host, log: r.Log, http01: http.NotFoundHandler()}
	t.transport = &transport{
		base: a.transport,
		ctx:  context.WithoutCancel(ctx), // requests go on for lastMoment when ctx is done; close ends them
		host: r.Host, maxOrders: 1, keep: r.Keep, amend: a.amendment(r),
		sign: func(protected, payload string) (string, error) { return signES256(key, protected+"."+payload) },
	}
	if r.Pending != nil {
		t.transport.order = *r.Pending
	}
	t.manager = &autocert.Manager{
		Prompt:                 autocert.AcceptTOS,
		HostPolicy:             autocert.HostWhitelist(r.Host),
		Email:                  a.options.Email,
		ExternalAccountBinding: a.options.binding(),
		Client: &acme.Client{
			Key: key, DirectoryURL: a.options.Directory, UserAgent: "turnkey",
			HTTPClient:   &http.Client{Transport: t.transport},
			RetryBackoff: retryBackoff,
		},
	}
	if a.options.PlainPort {
		t.transport.maxOrders = 2 // autocert places one for each type of challenge
		t.http01 = asHost(r.Host, t.manager.HTTPHandler(http.NotFoundHandler()))
	}
	return t, nil
}

// asHost gives a request the host's name in the spelling that autocert compares it with: lower case, without a port.
func asHost(host string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Host = host
		next.ServeHTTP(w, r)
	})
}

// lastMoment is how long an order may still take to end when the process stops.
const lastMoment = 2 * time.Second

// issue places the order, or goes on with the pending one, and waits for the certificate. The error has the CA's own
// words if it gave any. When ctx is done, issue returns within lastMoment. Timers of autocert that are still running
// then end within minutes.
func (t *attempt) issue(ctx context.Context) (cert.Candidate, error) {
	resumed := t.transport.pending().Key != nil
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
	c, err := t.collect(ctx, err)
	if err == nil || errors.Is(err, context.Canceled) {
		return c, err
	}
	if p := worst(t.transport.problemsSoFar()); p != nil && t.transport.pending().Certificate == "" {
		return c, p
	}
	return c, err
}

// retryBackoff makes autocert give up on "too many requests". It would wait with the order open (golang/go#40161), and
// the clock decides when to try again.
func retryBackoff(n int, _ *http.Request, resp *http.Response) time.Duration {
	switch {
	case resp.StatusCode == http.StatusTooManyRequests, n > 4:
		return 0
	case resp.StatusCode == http.StatusBadRequest: // a stale nonce
		return 10 * time.Millisecond
	}
	return time.Duration(n) * time.Second
}

// completeHello is a hello from which autocert can tell that the client supports ECDSA. From a shorter one it concludes
// the contrary and orders an RSA certificate (golang/go#50522).
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
