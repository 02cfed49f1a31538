package authority

import (
	"context"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"example.com/turnkey/tlsconfig/internal/cert"
)

const ariTimeout = 30 * time.Second

// RenewalWindow asks the CA when it would like a certificate renewed (RFC 9773), and when to ask again. The window is
// nil if the CA offers none. The request needs no account.
func (a *Authority) RenewalWindow(ctx context.Context, leaf *x509.Certificate) (*cert.Window, time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, ariTimeout)
	defer cancel()
	id, err := ariID(leaf)
	if err != nil {
		return nil, 0, err
	}
	var directory struct{ RenewalInfo string }
	if _, err := a.getJSON(ctx, a.options.Directory, &directory); err != nil {
		return nil, 0, err
	}
	if directory.RenewalInfo == "" {
		return nil, 0, nil
	}
	var info struct{ SuggestedWindow cert.Window }
	header, err := a.getJSON(ctx, directory.RenewalInfo+"/"+id, &info)
	if err != nil {
		return nil, 0, err
	}
	if w := info.SuggestedWindow; !w.Start.Before(w.End) {
		return nil, 0, fmt.Errorf("the suggested window ends before it starts: %s to %s", w.Start, w.End)
	}
	return &info.SuggestedWindow, retryAfter(header.Get("Retry-After"), time.Now()), nil
}

func (a *Authority) getJSON(ctx context.Context, url string, into any) (http.Header, error) {
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
		return nil, fmt.Errorf("%s: %s", shownURL(req.URL), resp.Status)
	}
	return resp.Header, json.NewDecoder(io.LimitReader(resp.Body, maxBody)).Decode(into)
}

// ariID identifies a certificate by its issuer's key identifier and its serial number (RFC 9773 §4.1).
func ariID(leaf *x509.Certificate) (string, error) {
	if len(leaf.AuthorityKeyId) == 0 {
		return "", errors.New("the certificate does not identify its issuer's key")
	}
	der, err := asn1.Marshal(leaf.SerialNumber) // one byte of a tag and one of the length come before the number
	if err != nil {
		return "", err
	}
	enc := base64.RawURLEncoding
	return enc.EncodeToString(leaf.AuthorityKeyId) + "." + enc.EncodeToString(der[2:]), nil
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
