package tlsconfig

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/acme"
	"golang.org/x/crypto/acme/autocert"
)

// attempt is one try to get one certificate: an autocert manager that knows nothing of earlier ones, so that it
// orders anew with a fresh key, and that is thrown away afterwards.
type attempt struct {
	manager *autocert.Manager
	http01  http.Handler
	way     *listener
}

// order is what an attempt asks for beyond a name.
type order struct {
	host     string
	replaces string // ARI identifier of the certificate to renew (RFC 9773 §5); empty: none
}

// newAttempt prepares a try at an authority. It blocks while the account key is read or made.
func newAttempt(ctx context.Context, a *authority, o order) (*attempt, error) {
	key, err := a.account.load(ctx, a.store)
	if err != nil {
		return nil, err
	}
	// The way stays open for lastMoment when ctx is done; end closes it.
	way := &listener{authority: a, ctx: context.WithoutCancel(ctx), maxOrders: 1}
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
		way.sign = func(protected, payload string) (string, error) { return signES256(key, protected+"."+payload) }
	}
	t := &attempt{way: way}
	t.manager = &autocert.Manager{
		Prompt:                 autocert.AcceptTOS,
		Cache:                  &attemptCache{host: o.host},
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

// issue places the order and waits for the certificate. The error is the authority's own words where it said any.
// When ctx is done it returns soon, and what autocert still waits for ends by itself within minutes.
func (t *attempt) issue(ctx context.Context, host string) (*tls.Certificate, error) {
	type result struct {
		cert *tls.Certificate
		err  error
	}
	done := make(chan result, 1)
	go func() {
		cert, err := t.manager.GetCertificate(completeHello(host))
		done <- result{cert, err}
	}()
	var r result
	select {
	case r = <-done:
	case <-ctx.Done():
		select {
		case r = <-done:
		case <-time.After(lastMoment):
			r.err = fmt.Errorf("ordering: %w", context.Cause(ctx))
		}
	}
	if r.err == nil || errors.Is(r.err, context.Canceled) {
		return r.cert, r.err
	}
	if p := worst(t.way.said()); p != nil {
		return nil, p
	}
	return nil, r.err
}

// end discards the attempt: nothing it still does reaches the authority, and its manager's timer lets go of it.
func (t *attempt) end() {
	t.way.close()
	t.manager.Cache.(*attemptCache).over.Store(true)
}

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

// attemptCache is the autocert.Cache of one attempt: empty to start with, in memory, and gone with it. What lasts is
// kept by acmeHost.
type attemptCache struct {
	host string
	over atomic.Bool
	data sync.Map
}

func (c *attemptCache) Get(_ context.Context, key string) ([]byte, error) {
	if c.over.Load() && key == c.host {
		// Only the renewal timer of a discarded manager comes here, weeks later. autocert has no way to stop it
		// and would set it again and again; ending its goroutine here, with its locks let go by their defers,
		// makes this the last time, and the manager can be collected.
		runtime.Goexit()
	}
	if v, ok := c.data.Load(key); ok {
		return v.([]byte), nil
	}
	return nil, autocert.ErrCacheMiss
}

func (c *attemptCache) Put(_ context.Context, key string, data []byte) error {
	c.data.Store(key, data)
	return nil
}

func (c *attemptCache) Delete(_ context.Context, key string) error {
	c.data.Delete(key)
	return nil
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
