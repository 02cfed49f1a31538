package authority

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"
	"time"

	"example.com/turnkey/tlsconfig/internal/cert"
)

const (
	maxBody = 1 << 20          // of a response of the CA, in bytes
	maxSkew = 30 * time.Minute // that this machine's clock may be off: CAs date certificates back by an hour
)

var errAttemptOver = errors.New("the attempt is over")

// RoundTrip implements http.RoundTripper for autocert. It keeps the problem documents that autocert discards
// (golang/go#19800), reads the URLs that the order needs, and allows one order for each type of challenge. autocert
// would place a surplus order to find that no challenge is left.
func (t *attempt) RoundTrip(r *http.Request) (*http.Response, error) {
	s, url := t.now(), r.URL.String()
	isOrder := r.Method == http.MethodPost && s.newOrder != "" && url == s.newOrder
	switch {
	case s.over != nil:
		return nil, s.over
	case isOrder && s.skew.Abs() > maxSkew:
		return nil, wrongClock(s.skew)
	case isOrder && s.placed >= t.maxOrders:
		return refusal(r)
	}
	ctx, cancel := context.WithTimeout(t.ctx, time.Minute)
	defer cancel()
	r = r.WithContext(ctx)
	isFinalize := r.Method == http.MethodPost && s.order.Finalize != "" && url == s.order.Finalize
	if err := t.mayAsk(r, isOrder || isFinalize); err != nil {
		return nil, err
	}
	var err error
	switch {
	case isFinalize:
		err = t.requestOwnKey(r)
	case isOrder && len(t.extra) > 0:
		err = t.rewrite(r, t.extra)
	}
	if err != nil {
		return nil, err
	}
	return t.send(r, isOrder)
}

// mayAsk calls permit (see cert.Request) if the request changes something at the CA. An error ends the attempt.
func (t *attempt) mayAsk(r *http.Request, commits bool) error {
	if t.permit == nil || r.Method != http.MethodPost || r.GetBody == nil {
		return nil
	}
	body, err := r.GetBody()
	if err != nil {
		return err
	}
	defer body.Close()
	var jws struct{ Payload string }
	if json.NewDecoder(io.LimitReader(body, maxBody)).Decode(&jws) == nil && jws.Payload == "" {
		return nil // it only reads (POST-as-GET, RFC 8555 §6.3)
	}
	if err := t.permit(r.Context(), commits); err != nil {
		t.change(func(s *state) { s.over = err })
		return err
	}
	return nil
}

// wrongClock returns why nothing is ordered: for this machine's clock, the new certificate would not be valid yet, or
// be expired.
func wrongClock(skew time.Duration) error {
	side := "ahead of"
	if skew < 0 {
		side = "behind"
	}
	return fmt.Errorf("this machine's clock is %s %s the CA's, and nothing was ordered: set the clock",
		skew.Abs().Round(time.Second), side)
}

// refusal is what autocert gets in place of a surplus order. It does not come from the CA.
func refusal(r *http.Request) (*http.Response, error) {
	const answer = "HTTP/1.1 403 Forbidden\r\nContent-Type: " + problemType + "\r\n\r\n" +
		`{"type":"urn:ietf:params:acme:error:unauthorized","detail":"every type of challenge was tried"}`
	return http.ReadResponse(bufio.NewReader(strings.NewReader(answer)), r)
}

// send reads the whole response, so that RoundTrip's timeout applies to the body too.
func (t *attempt) send(r *http.Request, isOrder bool) (*http.Response, error) {
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
	t.change(func(s *state) { s.note(answer{r, resp, body}, isOrder) })
	return resp, nil
}

// requestOwnKey replaces autocert's certificate request by one for the order's own key. The key is stored before the CA
// sees the request, so that a certificate that the CA issues is not lost when this process ends.
func (t *attempt) requestOwnKey(r *http.Request) (err error) {
	var csr []byte
	t.change(func(s *state) { csr, err = s.order.Request(t.host) })
	if err != nil {
		return err
	}
	if t.keep != nil {
		t.keep(t.now().order)
	}
	return t.rewrite(r, map[string]any{"csr": base64.RawURLEncoding.EncodeToString(csr)})
}

// rewrite puts fields into the payload of a signed request (RFC 8555 §6.2, RFC 7515 §7.2.2) and signs it again. The
// protected header stays as it is, with its nonce.
func (t *attempt) rewrite(r *http.Request, fields map[string]any) error {
	var jws struct {
		Protected string `json:"protected"`
		Payload   string `json:"payload"`
		Signature string `json:"signature"`
	}
	err := json.NewDecoder(io.LimitReader(r.Body, maxBody)).Decode(&jws)
	r.Body.Close()
	payload := map[string]any{}
	if err == nil {
		err = json.NewDecoder(base64.NewDecoder(base64.RawURLEncoding, strings.NewReader(jws.Payload))).Decode(&payload)
	}
	if err != nil {
		return fmt.Errorf("amending a request: %w", err)
	}
	maps.Copy(payload, fields)
	raw, err := json.Marshal(payload)
	if err != nil {
		return err
	}
	jws.Payload = base64.RawURLEncoding.EncodeToString(raw)
	jws.Signature = signES256(t.key, jws.Protected+"."+jws.Payload)
	body, err := json.Marshal(jws)
	r.Body, r.GetBody, r.ContentLength = io.NopCloser(bytes.NewReader(body)), nil, int64(len(body))
	return err
}

// signES256 signs as RFC 7518 §3.4 says: R and S, 32 bytes each.
func signES256(key *ecdsa.PrivateKey, input string) string {
	sum := sha256.Sum256([]byte(input))
	r, s, _ := ecdsa.Sign(rand.Reader, key, sum[:]) // never fails since Go 1.24
	sig := make([]byte, 64)
	r.FillBytes(sig[:32])
	s.FillBytes(sig[32:])
	return base64.RawURLEncoding.EncodeToString(sig)
}

func (s *state) note(a answer, isOrder bool) {
	if isOrder && a.response.StatusCode == http.StatusCreated {
		s.placed++
	}
	want := s.expects(a.request, isOrder)
	p := a.problem(want)
	if a.isAbout(s.order) {
		// Only a problem document comes from the CA. A proxy's 403 says nothing about the order.
		s.orderOver = p != nil && final(p) && (p.HasType() || a.mediaType() == problemType)
	}
	if p != nil && !strings.HasSuffix(p.Type, ":badNonce") { // package acme tries again with another nonce
		s.problems = append(s.problems, *p)
	}
	switch {
	case p != nil && (p.HasType() || p.Status >= 400 || want == chainOf):
	case want != chainOf:
		s.read(a, isOrder)
	case a.response.StatusCode < 300: // a redirect is followed, and its body is no chain
		s.chain = a.body
	}
}

func (s *state) expects(r *http.Request, isOrder bool) kind {
	switch {
	case isOrder:
		return orderOf
	case s.order.Certificate != "" && firstRequest(r).URL.String() == s.order.Certificate:
		return chainOf
	case r.Method == http.MethodHead:
		return nonceOf
	case r.Method == http.MethodGet:
		return directoryOf
	}
	return objectOf
}

// read takes URLs, the clock and problems from a JSON object of the CA: directory, order or authorization.
func (s *state) read(a answer, isOrder bool) {
	var o struct {
		NewOrder, Finalize, Certificate string
		Expires                         time.Time
		Identifier                      struct{ Value string }
		Challenges                      []struct {
			Type  string
			Error *cert.Problem
		}
		Error *cert.Problem
	}
	if unmarshalLoosely(a.body, &o) != nil {
		return
	}
	if a.request.Method == http.MethodGet && o.NewOrder != "" {
		s.newOrder = canonicalURL(o.NewOrder)
		if date, err := http.ParseTime(a.response.Header.Get("Date")); err == nil {
			s.skew = time.Since(date)
		}
	}
	if isOrder && o.Finalize != "" {
		location := a.resolve(a.response.Header.Get("Location"))
		s.order = cert.NewOrder(location, canonicalURL(o.Finalize), o.Expires, time.Now())
	}
	if o.Certificate != "" && s.order.Key != nil {
		s.order.Certificate = canonicalURL(o.Certificate)
		s.problems = nil // earlier problems did not prevent the certificate
	}
	if o.Error != nil {
		s.problems = append(s.problems, a.nested(*o.Error))
	}
	for _, c := range o.Challenges {
		if c.Error != nil {
			p := a.nested(*c.Error)
			p.Challenge, p.Identifier = c.Type, o.Identifier.Value
			s.problems = append(s.problems, p)
		}
	}
}
