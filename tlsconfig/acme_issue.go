package tlsconfig

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
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

// accountKey is an authority's account: read once, or made once.
type accountKey struct {
	mu      sync.Mutex
	key     *ecdsa.PrivateKey
	unsaved []byte // PEM; nil when kept
}

const accountFile = "account.key"

func (k *accountKey) load(ctx context.Context, store *corner) (*ecdsa.PrivateKey, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.key != nil {
		return k.key, nil
	}
	data, err := store.get(ctx, accountFile)
	if err == nil {
		key, err := parseECKey(data)
		if err == nil {
			k.key = key
			return key, nil
		}
		if err := store.setAside(ctx, accountFile); err != nil {
			return nil, fmt.Errorf("setting the unreadable account key aside: %w", err)
		}
	} else if !isMissing(err) {
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
	k.key, k.unsaved = key, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der})
	if err := store.put(ctx, accountFile, k.unsaved); err == nil {
		k.unsaved = nil
	}
	return key, nil
}

// keep writes a key that could not be written when it was made.
func (k *accountKey) keep(ctx context.Context, store *corner) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.unsaved == nil {
		return nil
	}
	err := store.put(ctx, accountFile, k.unsaved)
	if err == nil {
		k.unsaved = nil
	}
	return err
}

func parseECKey(data []byte) (*ecdsa.PrivateKey, error) {
	block, _ := pem.Decode(data)
	if block == nil {
		return nil, errors.New("no PEM block")
	}
	key, err := x509.ParseECPrivateKey(block.Bytes)
	if err == nil && key.Curve != elliptic.P256() {
		err = errors.New("not a P-256 key")
	}
	return key, err
}

// amendOrder rewrites a signed newOrder request (RFC 8555 §6.2, RFC 7515 §7.2.2) with the fields that autocert has
// no setting for. The protected header, nonce and all, stays as it is.
func (l *listener) amendOrder(r *http.Request) error {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxAnswer))
	r.Body.Close()
	if err != nil {
		return err
	}
	var jws struct {
		Protected string `json:"protected"`
		Payload   string `json:"payload"`
		Signature string `json:"signature"`
	}
	if err := json.Unmarshal(body, &jws); err != nil {
		return fmt.Errorf("amending an order: %w", err)
	}
	raw, err := base64.RawURLEncoding.DecodeString(jws.Payload)
	if err != nil {
		return fmt.Errorf("amending an order: %w", err)
	}
	payload := map[string]any{}
	if err := json.Unmarshal(raw, &payload); err != nil {
		return fmt.Errorf("amending an order: %w", err)
	}
	if err := l.amend(payload); err != nil {
		return err
	}
	if raw, err = json.Marshal(payload); err != nil {
		return err
	}
	jws.Payload = base64.RawURLEncoding.EncodeToString(raw)
	if jws.Signature, err = l.sign(jws.Protected, jws.Payload); err != nil {
		return err
	}
	if body, err = json.Marshal(jws); err != nil {
		return err
	}
	r.Body = io.NopCloser(strings.NewReader(string(body)))
	r.GetBody = nil
	r.ContentLength = int64(len(body))
	return nil
}

// signES256 is RFC 7518 §3.4: R and S, 32 bytes each.
func signES256(key *ecdsa.PrivateKey, input string) (string, error) {
	sum := sha256.Sum256([]byte(input))
	r, s, err := ecdsa.Sign(rand.Reader, key, sum[:])
	if err != nil {
		return "", err
	}
	sig := make([]byte, 64)
	r.FillBytes(sig[:32])
	s.FillBytes(sig[32:])
	return base64.RawURLEncoding.EncodeToString(sig), nil
}
