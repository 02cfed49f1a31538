package authority

import (
	"context"
	"crypto/ecdsa"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/crypto/acme"
	"golang.org/x/crypto/acme/autocert"

	"example.com/turnkey/tlsconfig/internal/cert"
)

// attempt is one try to get one certificate. For a name its autocert.Manager knows no earlier try, so that it orders
// anew. For an address orderForAddress takes autocert's place.
//
// autocert makes a key for the certificate, and returns it only together with a certificate that it accepts. After a
// damaged response the key would be lost, and the order with it. So the request for the certificate has another key,
// that of the cert.Order, which is stored before the request is sent. The CA's response is read and checked before
// autocert sees it. autocert then reports that the certificate is not for its own key, and this error is ignored.
type attempt struct {
	host    string
	log     *slog.Logger
	keep    func(cert.Order)                  // see cert.Request
	permit  func(context.Context, bool) error // see cert.Request
	options *Options                          // of the CA
	cache   attemptCache
	client  *acme.Client
	manager *autocert.Manager // nil for an address, see address.go

	// For RoundTrip:
	base      http.RoundTripper
	ctx       context.Context // of the requests
	maxOrders int
	extra     map[string]any    // fields of a new order for which autocert has no setting
	key       *ecdsa.PrivateKey // of the account

	mu sync.Mutex
	state
}

// state is what is known from the responses so far.
type state struct {
	newOrder  string        // URL
	skew      time.Duration // of this machine's clock against the CA's
	placed    int           // orders that the CA took
	order     cert.Order    // under way
	chain     []byte        // the last response to a request for its certificate
	orderOver bool          // the CA no longer has the order
	problems  []cert.Problem
	token     *tls.Certificate // answers tls-alpn-01 for an address
	over      error            // if no later request may reach the CA, such as one of autocert's timers
}

func (t *attempt) now() state {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.state
}

func (t *attempt) change(f func(s *state)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	f(&t.state)
}

// newAttempt prepares a try. It blocks while the account's key is read or made.
func (a *Authority) newAttempt(ctx context.Context, r cert.Request) (*attempt, error) {
	key, err := a.account.load(ctx)
	if err != nil {
		return nil, err
	}
	t := &attempt{host: r.Host, log: r.Log, keep: r.Keep, permit: r.Permit, options: &a.options, base: a.transport,
		ctx:       context.WithoutCancel(ctx), // requests go on for lastMoment when ctx is done
		maxOrders: 1, extra: map[string]any{}, key: key}
	if a.options.Profile != "" {
		t.extra["profile"] = a.options.Profile
	}
	if r.Replaces != nil {
		if id, err := ariID(r.Replaces); err == nil { // a certificate without an identifier is not named
			t.extra["replaces"] = id // RFC 9773 §5
		}
	}
	if r.Pending != nil {
		t.order = *r.Pending
	}
	if a.options.PlainPort {
		t.maxOrders = 2 // one for each type of challenge
	}
	t.cache = attemptCache{t, a.options.Store, r.Fence}
	t.client = &acme.Client{
		Key: key, DirectoryURL: a.options.Directory, UserAgent: "turnkey",
		HTTPClient: &http.Client{Transport: t}, RetryBackoff: retryBackoff,
	}
	if _, err := netip.ParseAddr(r.Host); err == nil {
		return t, nil
	}
	t.manager = &autocert.Manager{
		Cache: t.cache, Client: t.client, Email: a.options.Email, ExternalAccountBinding: a.options.binding(),
		Prompt: autocert.AcceptTOS, HostPolicy: autocert.HostWhitelist(r.Host),
	}
	if a.options.PlainPort {
		t.manager.HTTPHandler(nil) // or else autocert does not try http-01
	}
	return t, nil
}

// lastMoment is how long an order may still take to end when the process stops.
const lastMoment = 2 * time.Second

// issue places the order, or goes on with the pending one, and waits for the certificate. The error has the CA's own
// words if it gave any. When ctx is done, issue returns within lastMoment. Timers of autocert that are still running
// then end within minutes.
func (t *attempt) issue(ctx context.Context) (cert.Candidate, error) {
	resumed := t.now().order.Key != nil
	done := make(chan error, 1)
	go func() {
		var err error
		switch {
		case resumed:
			err = t.resume(ctx)
		case t.manager == nil:
			err = t.orderForAddress(ctx)
		default:
			_, err = t.manager.GetCertificate(completeHello(t.host))
		}
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
	if over := t.now().over; over != nil {
		return c, over
	}
	if s := t.now(); len(s.problems) > 0 && s.order.Certificate == "" {
		return c, worst(s.problems)
	}
	return c, err
}

// retryBackoff makes autocert give up on "too many requests". It would wait with the order open (golang/go#40161),
// while package acme decides when to try again.
func retryBackoff(n int, _ *http.Request, resp *http.Response) time.Duration {
	switch {
	case resp.StatusCode == http.StatusTooManyRequests, n > 4:
		return 0
	case resp.StatusCode == http.StatusBadRequest: // a stale nonce
		return 10 * time.Millisecond
	}
	return time.Duration(n) * time.Second
}

// completeHello is a ClientHello of a client that supports ECDSA. For a shorter one autocert orders an RSA certificate
// (golang/go#50522).
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

// resume goes on with the order of an earlier attempt. The CA may not have received the request for the certificate,
// may still be working on it, or may have issued the certificate.
func (t *attempt) resume(ctx context.Context) error {
	client, o := t.client, t.now().order
	url := o.Certificate
	if url == "" {
		order, err := client.WaitOrder(ctx, o.URL)
		if invalid, is := errors.AsType[*acme.OrderError](err); is && invalid.Status == acme.StatusInvalid {
			t.change(func(s *state) { s.orderOver = true })
		}
		if err != nil {
			return err
		}
		if order.Status == acme.StatusReady {
			_, _, err = client.CreateCertFromOrder(ctx, order, nil, true) // RoundTrip requests it for the order's key
			return err
		}
		url = order.CertURL
	}
	_, err := client.FetchCert(ctx, url, true)
	return err
}
