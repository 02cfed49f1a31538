package tlsconfig

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// maxAnswer is more than any answer of an ACME server but a certificate has reason to be, in bytes.
const maxAnswer = 1 << 20

// maxSkew is how far this machine's clock may be off. Authorities date certificates back by an hour.
const maxSkew = 30 * time.Minute

// acmeHTTP is how ACME servers are reached: with roots from caFile, or the system's.
func acmeHTTP(caFile string) (http.RoundTripper, error) {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.ResponseHeaderTimeout = 30 * time.Second
	if caFile != "" {
		pool, err := readPool(caFile)
		if err != nil {
			return nil, fmt.Errorf("ACME_CA_FILE %s: %w", caFile, err)
		}
		transport.TLSClientConfig = &tls.Config{RootCAs: pool}
	}
	return transport, nil
}

// listener is one attempt's way to the authority. It ends with the attempt, reads what the authority says, which
// autocert drops (golang/go#19800), and lets through no more orders than there are challenges to try, where autocert
// would place one more to find that none is left.
type listener struct {
	authority *authority
	ctx       context.Context // of the attempt
	host      string
	maxOrders int
	amend     func(payload map[string]any) error // of a new order; nil: none
	sign      func(protected, payload string) (string, error)
	keep      func(pendingOrder) // see order

	mu       sync.Mutex
	newOrder string        // URL
	skew     time.Duration // of this machine's clock against the authority's
	orders   int
	order    pendingOrder // under way
	chain    []byte       // the last response to a request for its certificate
	gone     bool         // the CA no longer has the order
	problems []Problem
	closed   bool
}

var (
	errAttemptOver = errors.New("the attempt is over")
	errNoMore      = "every way to prove control of the name was tried"
)

func (l *listener) RoundTrip(r *http.Request) (*http.Response, error) {
	l.mu.Lock()
	closed := l.closed
	isOrder := r.Method == http.MethodPost && l.newOrder != "" && r.URL.String() == l.newOrder
	isFinal := r.Method == http.MethodPost && l.order.Finalize != "" && r.URL.String() == l.order.Finalize
	full := isOrder && l.orders >= l.maxOrders
	skew := l.skew
	l.mu.Unlock()
	switch {
	case closed:
		return nil, errAttemptOver
	case isOrder && skew.Abs() > maxSkew:
		// The new certificate would not be valid yet, or expired.
		side := "ahead of"
		if skew < 0 {
			side = "behind"
		}
		return nil, fmt.Errorf("this machine's clock is %s %s the authority's, and nothing was ordered: set the clock", skew.Abs().Round(time.Second), side)
	case full:
		return synthetic(r, http.StatusForbidden, errNoMore), nil
	}
	ctx, cancel := context.WithTimeout(l.ctx, time.Minute)
	defer cancel()
	r = r.WithContext(ctx)
	change := l.amend
	if isFinal {
		change = l.requestForOurKey
	}
	if change != nil && (isOrder || isFinal) {
		if err := l.rewrite(r, change); err != nil {
			return nil, err
		}
	}
	return l.send(r, isOrder)
}

// send reads the whole response, so that RoundTrip's timeout applies to the body too.
func (l *listener) send(r *http.Request, isOrder bool) (*http.Response, error) {
	resp, err := l.authority.transport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	resp.Body.Close()
	if len(body) > maxAnswer {
		return nil, fmt.Errorf("%s answered with more than %d bytes", r.URL.Host, maxAnswer)
	}
	if err != nil {
		return nil, fmt.Errorf("the response broke off after %d bytes: %w", len(body), err)
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	l.note(r, resp, body, isOrder)
	return resp, nil
}

// note keeps what the rest of the attempt needs from a response.
func (l *listener) note(r *http.Request, resp *http.Response, body []byte, isOrder bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if isOrder && resp.StatusCode == http.StatusCreated {
		l.orders++
	}
	a, want := answer{r, resp, body}, l.expects(r, isOrder)
	p := a.problem(want)
	if a.ofOrder(l.order) {
		// Only a problem document is the CA's word. A proxy's 403 says nothing about the order.
		l.gone = p != nil && p.final() && (p.named() || a.mediaType() == problemType)
	}
	if p != nil {
		if !strings.HasSuffix(p.Type, ":badNonce") { // the client tries again by itself
			l.problems = append(l.problems, *p)
		}
		if p.named() || p.Status >= 400 || want == chainOf {
			return
		}
	}
	if want == chainOf {
		if resp.StatusCode < 300 { // a redirect is followed, and its body is no chain
			l.chain = body
		}
		return
	}
	l.read(a, isOrder)
}

// read takes URLs, the clock and problems from a JSON object of the authority. l.mu is held.
func (l *listener) read(a answer, isOrder bool) {
	var said struct {
		NewOrder    string
		Finalize    string
		Certificate string
		Expires     time.Time
		Identifier  struct{ Value string }
		Challenges  []struct {
			Type  string
			Error *Problem
		}
		Error *Problem
	}
	if unmarshalLoosely(a.body, &said) != nil {
		return
	}
	if a.request.Method == http.MethodGet && said.NewOrder != "" {
		l.newOrder = canonicalURL(said.NewOrder)
		if date, err := http.ParseTime(a.response.Header.Get("Date")); err == nil {
			l.skew = time.Since(date)
		}
	}
	if isOrder && said.Finalize != "" {
		location := a.resolve(a.response.Header.Get("Location"))
		l.order = newPendingOrder(location, canonicalURL(said.Finalize), said.Expires, time.Now())
	}
	if said.Certificate != "" && l.order.Key != nil {
		l.order.Certificate, l.problems = canonicalURL(said.Certificate), nil // earlier problems did not prevent the certificate
	}
	if said.Error != nil {
		said.Error.RetryAfter = 0 // only the header counts, and retryAfter bounds it
		said.Error.Instance = a.resolve(said.Error.Instance)
		l.problems = append(l.problems, *said.Error)
	}
	for _, c := range said.Challenges {
		if c.Error != nil {
			p := *c.Error
			p.Challenge, p.Identifier, p.RetryAfter = c.Type, said.Identifier.Value, 0
			p.Instance = a.resolve(p.Instance)
			l.problems = append(l.problems, p)
		}
	}
}

// expects is what an ACME server answers a request with. l.mu is held.
func (l *listener) expects(r *http.Request, isOrder bool) kind {
	switch {
	case isOrder:
		return orderOf
	case l.order.Certificate != "" && firstRequest(r).URL.String() == l.order.Certificate:
		return chainOf
	case r.Method == http.MethodHead:
		return nonceOf
	case r.Method == http.MethodGet:
		return directoryOf
	}
	return object
}

// close lets nothing more through: whatever autocert's timers do later stays here.
func (l *listener) close() {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
}

// placed is how many orders the authority took.
func (l *listener) placed() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.orders
}

// pending is the order under way.
func (l *listener) pending() pendingOrder {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.order
}

// takeChain returns the last response to a request for the certificate and the problems since the last call, and forgets both.
func (l *listener) takeChain() ([]byte, []Problem) {
	l.mu.Lock()
	defer l.mu.Unlock()
	data, problems := l.chain, l.problems
	l.chain, l.problems = nil, nil
	return data, problems
}

// lose notes that the order is over.
func (l *listener) lose() {
	l.mu.Lock()
	l.gone = true
	l.mu.Unlock()
}

func (l *listener) lost() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.gone
}

// said is what the authority complained of.
func (l *listener) said() []Problem {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.problems
}

// retryAfter reads the header's two forms (RFC 9110 §10.2.3); 0 for none that makes sense. A week bounds what a
// mistaken authority can do.
func retryAfter(v string, now time.Time) time.Duration {
	d := time.Duration(0)
	if s, err := strconv.ParseUint(v, 10, 31); err == nil {
		d = time.Duration(s) * time.Second
	} else if t, err := http.ParseTime(v); err == nil {
		d = t.Sub(now)
	}
	return min(max(d, 0), 7*24*time.Hour)
}

// synthetic is an answer that never left this machine.
func synthetic(r *http.Request, status int, detail string) *http.Response {
	body, _ := json.Marshal(Problem{Type: "urn:ietf:params:acme:error:unauthorized", Detail: detail})
	return &http.Response{
		Status: fmt.Sprintf("%d %s", status, http.StatusText(status)), StatusCode: status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": {problemType}}, Request: r,
		Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)),
	}
}
