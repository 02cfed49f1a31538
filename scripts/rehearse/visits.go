package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"strings"
	"time"
)

const (
	issueTime  = time.Minute            // for the first certificate of every name, on a busy machine
	visitTime  = 5 * time.Second        // for one request
	visitEvery = 100 * time.Millisecond // the time between two requests to a name
)

// newClient returns a client that resolves every name to this machine, trusts the given roots alone, and opens a
// connection for each request.
func newClient(roots *x509.CertPool) *http.Client {
	return &http.Client{
		Timeout: visitTime,
		Transport: &http.Transport{
			DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
				_, port, err := net.SplitHostPort(addr)
				if err != nil {
					return nil, err
				}
				return (&net.Dialer{}).DialContext(ctx, network, net.JoinHostPort("127.0.0.1", port))
			},
			TLSClientConfig:   &tls.Config{RootCAs: roots},
			ForceAttemptHTTP2: true,
			DisableKeepAlives: true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// get requests a URL, with another Host header if one is given.
func get(ctx context.Context, client *http.Client, url, host string) (*http.Response, []byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, nil, err
	}
	req.Host = host
	resp, err := client.Do(req)
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 16<<20))
	return resp, body, err
}

// probe returns the certificate that the site sends for a name, after checking it.
func (r *rehearsal) probe(ctx context.Context, name string) (*x509.Certificate, error) {
	resp, _, err := get(ctx, r.client, fmt.Sprintf("https://%s:%d/healthz", name, r.https), "")
	if err != nil {
		return nil, err
	}
	if resp.StatusCode >= 500 {
		return nil, errors.New("it answers " + resp.Status)
	}
	return resp.TLS.PeerCertificates[0], nil
}

// issue waits until every name is served with a certificate that the authority has issued.
func (r *rehearsal) issue(ctx context.Context) (map[string]*x509.Certificate, error) {
	timeout := time.After(issueTime)
	leaves := map[string]*x509.Certificate{}
	opened := false
	next := 5 * time.Millisecond // the time before the certificate is short
	for {
		var last error
		for _, name := range r.names {
			if leaves[name] != nil {
				continue
			}
			leaf, err := r.probe(ctx, name)
			// While it has no certificate, the server itself ends the handshake.
			refused, ok := errors.AsType[*net.OpError](err)
			if !opened && (err == nil || ok && refused.Op == "remote error") {
				opened, next = true, 50*time.Millisecond
				seen := "no certificate yet, so a first visitor's handshake is refused"
				if err == nil {
					seen = "its certificate was there before the first visitor"
				}
				r.tell("%s is started with ENV=prod on port %d, plain http on %d; %s", r.project, r.https, r.plain, seen)
			}
			if err != nil {
				last = err
				continue
			}
			if err := r.vouched(ctx, name, leaf); err != nil {
				return nil, err
			}
			leaves[name] = leaf
			r.tell("%s: challenge answered, certificate issued by %s until %s", name, leaf.Issuer.CommonName,
				clock(leaf.NotAfter))
		}
		if len(leaves) == len(r.names) {
			return leaves, nil
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case err := <-r.troubles:
			return nil, err
		case <-timeout:
			return nil, fmt.Errorf("%d of %d names are served after %s; the last error: %w", len(leaves), len(r.names),
				issueTime, last)
		case <-time.After(next):
		}
	}
}

// vouched waits until the authority logs that it issued the certificate that the client got.
func (r *rehearsal) vouched(ctx context.Context, name string, leaf *x509.Certificate) error {
	for range 200 {
		if r.authority.hasIssued(leaf) {
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(10 * time.Millisecond):
		}
	}
	return fmt.Errorf("%s is served with a certificate (serial %x) that the CA did not note, or issued without "+
		"a challenge", name, leaf.SerialNumber)
}

// clock formats a time of today.
func clock(t time.Time) string { return t.Local().Format("15:04:05") }

// look makes the requests that show whether the deployment works.
func (r *rehearsal) look(ctx context.Context) error {
	secure, plain := r.url("https", r.https), r.url("http", r.plain)
	page, _, err := get(ctx, r.client, secure, "")
	switch {
	case err != nil:
		return err
	case page.StatusCode >= 500:
		return fmt.Errorf("%s answers %s; does its handler need something that is not here?", secure, page.Status)
	}
	hsts := "no Strict-Transport-Security"
	if v := page.Header.Get("Strict-Transport-Security"); v != "" {
		hsts = "Strict-Transport-Security: " + v
	}
	r.tell("https answers %d (%s), %s", page.StatusCode, page.TLS.NegotiatedProtocol, hsts)

	moved, _, err := get(ctx, r.client, plain, "")
	switch {
	case err != nil:
		return err
	case moved.StatusCode != http.StatusPermanentRedirect || moved.Header.Get("Location") != secure:
		return fmt.Errorf("%s answers %s to %q, want a permanent redirect (308) to %s", plain, moved.Status,
			moved.Header.Get("Location"), secure)
	}
	r.tell("http redirects %d to %s", moved.StatusCode, moved.Header.Get("Location"))

	const stranger = "stranger.invalid"
	for _, url := range []string{secure, plain} {
		other, _, err := get(ctx, r.client, url, stranger)
		switch {
		case err != nil:
			return err
		case other.StatusCode != http.StatusMisdirectedRequest:
			return fmt.Errorf("%s answers %s to a request for %s, want 421", url, other.Status, stranger)
		}
	}
	r.tell("an unknown host gets %d, on both ports", http.StatusMisdirectedRequest)
	return nil
}

// renew sends requests to every name without a pause, and reports renewals and failed requests. A request fails if a
// certificate is not renewed in time.
func (r *rehearsal) renew(ctx context.Context, leaves map[string]*x509.Certificate) error {
	visits, dropped := 0, 0
	down, renewed := map[string]bool{}, map[string]bool{}
	for tick := time.Tick(visitEvery); ; {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case err := <-r.troubles:
			if r.once {
				return err
			}
			r.line("✗", "%v", err)
		case <-tick:
		}
		for _, name := range r.names {
			leaf, err := r.probe(ctx, name)
			if err != nil { // if a part has ended, that is the better reason, and is reported soon
				select {
				case <-ctx.Done():
				case <-time.After(visitEvery):
				}
			}
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			visits++
			switch {
			case err != nil && r.once:
				return fmt.Errorf("visitor %d was dropped: %w", visits, err)
			case err != nil && !down[name]:
				r.line("✗", "a visitor was dropped: %v", err)
			case err == nil && down[name]:
				r.tell("%s answers again", name)
			}
			if down[name] = err != nil; err != nil {
				dropped++
				continue
			}
			old := leaves[name]
			if leaf.Equal(old) {
				continue
			}
			if err := r.vouched(ctx, name, leaf); err != nil {
				return err
			}
			leaves[name], renewed[name] = leaf, true
			r.tell("%s: certificate renewed, serial %s → %s, until %s; %d requests so far, %s dropped",
				name, short(old.SerialNumber), short(leaf.SerialNumber), clock(leaf.NotAfter), visits,
				cmp.Or(strings.TrimPrefix(fmt.Sprint(dropped), "0"), "none"))
		}
		if r.once && len(renewed) == len(r.names) {
			return nil
		}
	}
}

func short(serial *big.Int) string { return fmt.Sprintf("%.8s…", serial.Text(16)) }
