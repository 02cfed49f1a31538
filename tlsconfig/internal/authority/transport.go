package authority

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"example.com/turnkey/tlsconfig/internal/cert"
)

// maxBody caps a response of the CA, in bytes.
const maxBody = 1 << 20

// maxSkew is how far this machine's clock may be off. CAs date certificates back by an hour.
const maxSkew = 30 * time.Minute

// newTransport connects to ACME servers, whose certificates it verifies by the roots in caFile or by the system's.
func newTransport(caFile string) (http.RoundTripper, error) {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.ResponseHeaderTimeout = 30 * time.Second
	if caFile != "" {
		pool, err := cert.ReadPool(caFile)
		if err != nil {
			return nil, fmt.Errorf("ACME_CA_FILE %s: %w", caFile, err)
		}
		t.TLSClientConfig = &tls.Config{RootCAs: pool}
	}
	return t, nil
}

// transport is the http.RoundTripper of one attempt. It keeps the problem documents that autocert discards
// (golang/go#19800), reads the URLs that the order needs, and allows one order for each type of challenge. autocert
// would place a surplus order to find that no challenge is left.
type transport struct {
	base      http.RoundTripper
	ctx       context.Context // of the attempt
	host      string
	maxOrders int
	amend     func(payload map[string]any) // changes a new order; nil: it stays as it is
	sign      func(protected, payload string) (string, error)
	keep      func(cert.Order) // see cert.Request

	mu        sync.Mutex
	newOrder  string        // URL
	skew      time.Duration // of this machine's clock against the CA's
	placed    int           // orders that the CA took
	order     cert.Order    // under way
	chain     []byte        // the last response to a request for its certificate
	orderOver bool          // the CA no longer has the order
	problems  []cert.Problem
	closed    bool
}

var errAttemptOver = errors.New("the attempt is over")

// noChallengeLeft is what autocert is told in place of a surplus order.
const noChallengeLeft = "every type of challenge was tried"

// RoundTrip implements http.RoundTripper.
func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	t.mu.Lock()
	closed := t.closed
	isOrder := r.Method == http.MethodPost && t.newOrder != "" && r.URL.String() == t.newOrder
	isFinal := r.Method == http.MethodPost && t.order.Finalize != "" && r.URL.String() == t.order.Finalize
	surplus := isOrder && t.placed >= t.maxOrders
	skew := t.skew
	t.mu.Unlock()
	switch {
	case closed:
		return nil, errAttemptOver
	case isOrder && skew.Abs() > maxSkew:
		return nil, wrongClock(skew)
	case surplus:
		return refusal(r, noChallengeLeft), nil
	}
	ctx, cancel := context.WithTimeout(t.ctx, time.Minute)
	defer cancel()
	r = r.WithContext(ctx)
	var err error
	switch {
	case isFinal:
		err = t.requestOwnKey(r)
	case isOrder && t.amend != nil:
		err = t.rewrite(r, t.amend)
	}
	if err != nil {
		return nil, err
	}
	return t.send(r, isOrder)
}

// wrongClock is why nothing is ordered: the new certificate would not be valid yet, or expired, for this machine.
func wrongClock(skew time.Duration) error {
	side := "ahead of"
	if skew < 0 {
		side = "behind"
	}
	return fmt.Errorf("this machine's clock is %s %s the authority's, and nothing was ordered: set the clock",
		skew.Abs().Round(time.Second), side)
}

// send reads the whole response, so that RoundTrip's timeout applies to the body too.
func (t *transport) send(r *http.Request, isOrder bool) (*http.Response, error) {
	resp, err := t.base.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
	resp.Body.Close()
	if len(body) > maxBody {
		return nil, fmt.Errorf("%s answered with more than %d bytes", r.URL.Host, maxBody)
	}
	if err != nil {
		return nil, fmt.Errorf("the response broke off after %d bytes: %w", len(body), err)
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	t.note(answer{r, resp, body}, isOrder)
	return resp, nil
}

// close lets no later request reach the CA, such as one of autocert's timers.
func (t *transport) close() {
	t.mu.Lock()
	t.closed = true
	t.mu.Unlock()
}

func (t *transport) ordersPlaced() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.placed
}

// pending returns the order under way.
func (t *transport) pending() cert.Order {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.order
}

// takeChain returns the last response to a request for the certificate and the problems since the last call, and
// forgets both.
func (t *transport) takeChain() ([]byte, []cert.Problem) {
	t.mu.Lock()
	defer t.mu.Unlock()
	data, problems := t.chain, t.problems
	t.chain, t.problems = nil, nil
	return data, problems
}

// endOrder notes that the order under way is over.
func (t *transport) endOrder() {
	t.mu.Lock()
	t.orderOver = true
	t.mu.Unlock()
}

func (t *transport) orderIsOver() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.orderOver
}

func (t *transport) problemsSoFar() []cert.Problem {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.problems
}

// refusal is an answer to autocert that does not come from the CA.
func refusal(r *http.Request, detail string) *http.Response {
	body, _ := json.Marshal(cert.Problem{Type: "urn:ietf:params:acme:error:unauthorized", Detail: detail})
	return &http.Response{
		Status: "403 Forbidden", StatusCode: http.StatusForbidden,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": {problemType}}, Request: r,
		Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)),
	}
}
