package authority

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"example.com/turnkey/tlsconfig/internal/cert"
)

// note keeps what the rest of the attempt needs from a response.
func (t *transport) note(a answer, isOrder bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if isOrder && a.response.StatusCode == http.StatusCreated {
		t.placed++
	}
	want := t.expects(a.request, isOrder)
	p := a.problem(want)
	if a.isAbout(t.order) {
		// Only a problem document comes from the CA. A proxy's 403 says nothing about the order.
		t.orderOver = p != nil && final(p) && (p.HasType() || a.mediaType() == problemType)
	}
	if p != nil {
		if !strings.HasSuffix(p.Type, ":badNonce") { // package acme tries again with another nonce
			t.problems = append(t.problems, *p)
		}
		if p.HasType() || p.Status >= 400 || want == chainOf {
			return
		}
	}
	if want == chainOf {
		if a.response.StatusCode < 300 { // a redirect is followed, and its body is no chain
			t.chain = a.body
		}
		return
	}
	t.read(a, isOrder)
}

// object is what the transport reads from the JSON objects of a CA: directory, order and authorization.
type object struct {
	NewOrder    string
	Finalize    string
	Certificate string
	Expires     time.Time
	Identifier  struct{ Value string }
	Challenges  []struct {
		Type  string
		Error *cert.Problem
	}
	Error *cert.Problem
}

// read takes URLs, the clock and problems from a JSON object of the CA. t.mu is held.
func (t *transport) read(a answer, isOrder bool) {
	var o object
	if unmarshalLoosely(a.body, &o) != nil {
		return
	}
	if a.request.Method == http.MethodGet && o.NewOrder != "" {
		t.newOrder = canonicalURL(o.NewOrder)
		if date, err := http.ParseTime(a.response.Header.Get("Date")); err == nil {
			t.skew = time.Since(date)
		}
	}
	if isOrder && o.Finalize != "" {
		location := a.resolve(a.response.Header.Get("Location"))
		t.order = cert.NewOrder(location, canonicalURL(o.Finalize), o.Expires, time.Now())
	}
	if o.Certificate != "" && t.order.Key != nil {
		t.order.Certificate = canonicalURL(o.Certificate)
		t.problems = nil // earlier problems did not prevent the certificate
	}
	if o.Error != nil {
		t.problems = append(t.problems, a.nested(*o.Error))
	}
	for _, c := range o.Challenges {
		if c.Error != nil {
			p := a.nested(*c.Error)
			p.Challenge, p.Identifier = c.Type, o.Identifier.Value
			t.problems = append(t.problems, p)
		}
	}
}

// expects returns what an ACME server answers a request with. t.mu is held.
func (t *transport) expects(r *http.Request, isOrder bool) kind {
	switch {
	case isOrder:
		return orderOf
	case t.order.Certificate != "" && firstRequest(r).URL.String() == t.order.Certificate:
		return chainOf
	case r.Method == http.MethodHead:
		return nonceOf
	case r.Method == http.MethodGet:
		return directoryOf
	}
	return objectOf
}

// retryAfter reads the two forms of the Retry-After header (RFC 9110 §10.2.3). It is 0 for none that can be read. A
// week is the most, so that a mistaken CA cannot stop renewals.
func retryAfter(v string, now time.Time) time.Duration {
	d := time.Duration(0)
	if s, err := strconv.ParseUint(v, 10, 31); err == nil {
		d = time.Duration(s) * time.Second
	} else if t, err := http.ParseTime(v); err == nil {
		d = t.Sub(now)
	}
	return min(max(d, 0), 7*24*time.Hour)
}
