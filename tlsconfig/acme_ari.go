package tlsconfig

import (
	"context"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"time"
)

const (
	ariEvery   = 6 * time.Hour // Let's Encrypt asks for twice a day at least
	ariTimeout = 30 * time.Second
)

var errNoARI = errors.New("the directory offers no renewal information")

// window is when an authority would like a certificate renewed (RFC 9773 §4.2): later than the usual time in quiet
// years, and at once when it has to revoke.
type window struct {
	Start time.Time `json:"start"`
	End   time.Time `json:"end"`
}

// renewalInfo asks for a certificate's window. It is a plain GET, needs no account, and never holds up anything.
func (a *authority) renewalInfo(ctx context.Context, leaf *x509.Certificate) (window, time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, ariTimeout)
	defer cancel()
	id, err := ariID(leaf)
	if err != nil {
		return window{}, 0, err
	}
	var directory struct{ RenewalInfo string }
	if _, err := a.getJSON(ctx, a.directory, &directory); err != nil {
		return window{}, 0, err
	}
	if directory.RenewalInfo == "" {
		return window{}, 0, errNoARI
	}
	var info struct{ SuggestedWindow window }
	header, err := a.getJSON(ctx, directory.RenewalInfo+"/"+id, &info)
	if err != nil {
		return window{}, 0, err
	}
	if w := info.SuggestedWindow; !w.Start.Before(w.End) {
		return window{}, 0, fmt.Errorf("the suggested window ends before it starts: %s to %s", w.Start, w.End)
	}
	return info.SuggestedWindow, retryAfter(header.Get("Retry-After"), time.Now()), nil
}

func (a *authority) getJSON(ctx context.Context, url string, into any) (http.Header, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("User-Agent", "turnkey")
	resp, err := a.transport.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", url, resp.Status)
	}
	return resp.Header, json.NewDecoder(io.LimitReader(resp.Body, maxAnswer)).Decode(into)
}

// ariID is RFC 9773 §4.1: issuer's key identifier and serial number, both as they stand in the certificate.
func ariID(leaf *x509.Certificate) (string, error) {
	if len(leaf.AuthorityKeyId) == 0 {
		return "", errors.New("the certificate does not identify its issuer's key")
	}
	der, err := asn1.Marshal(leaf.SerialNumber)
	if err != nil {
		return "", err
	}
	var serial asn1.RawValue
	if _, err := asn1.Unmarshal(der, &serial); err != nil {
		return "", err
	}
	enc := base64.RawURLEncoding
	return enc.EncodeToString(leaf.AuthorityKeyId) + "." + enc.EncodeToString(serial.Bytes), nil
}

// choose picks a moment of the window at random, as every client should, so that they do not come all at once. A
// window wider than half the certificate's life suggests nothing, unless it is over already.
func (w window) choose(leaf *x509.Certificate, now time.Time) (at time.Time, ok bool) {
	if w.End.Before(now) {
		return now, true
	}
	width := w.End.Sub(w.Start)
	if width > leaf.NotAfter.Sub(leaf.NotBefore)/2 || w.Start.After(leaf.NotAfter) {
		return time.Time{}, false
	}
	return w.Start.Add(rand.N(width)), true
}

// listen asks the authority when it would like the certificate renewed, if it was not asked lately.
func (h *acmeHost) listen(ctx context.Context) {
	h.mu.Lock()
	cert, next, had := h.cert, h.ariNext, h.ariWindow
	obtained := h.record.Obtained
	h.mu.Unlock()
	now := time.Now()
	if cert == nil || now.Before(next) {
		return
	}
	w, again, err := h.source.production.renewalInfo(ctx, cert.Leaf)
	if again == 0 {
		again = ariEvery
	}
	again = min(max(again, time.Hour), 24*time.Hour)
	again += rand.N(again / 10)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ariNext = now.Add(again)
	h.replaceable = err == nil
	if err != nil {
		if !errors.Is(err, errNoARI) {
			h.log.Debug("no renewal information", "error", err)
		}
		return
	}
	if w == had || h.cert != cert {
		return // a moment was chosen
	}
	h.ariWindow = w
	at, ok := w.choose(cert.Leaf, now)
	if !ok {
		return
	}
	// Later than our own clock would leave too little time for a ladder of failures; and an authority that always
	// says "now" must not make a loop.
	if own := renewalTime(cert, obtained); at.After(own) {
		at = own
	}
	if floor := obtained.Add(min(24*time.Hour, cert.Leaf.NotAfter.Sub(obtained)/3)); at.Before(floor) {
		at = floor
	}
	h.renewAt = at
	h.log.Info("the authority suggests when to renew", "from", w.Start, "to", w.End, "renewed_at", at)
}
