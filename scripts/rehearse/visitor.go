package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"time"
)

// visitor is an HTTP client that resolves every name to this machine, trusts the test root alone, and opens a
// connection for each request.
type visitor struct {
	https, plain int // ports
	client       *http.Client
}

const visitTime = 5 * time.Second

func newVisitor(roots *x509.CertPool, httpsPort, plainPort int) *visitor {
	return &visitor{httpsPort, plainPort, &http.Client{
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
	}}
}

// get requests a URL, with another Host header if one is given. It reads the body and drops it.
func (v *visitor) get(ctx context.Context, url, host string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	req.Host = host
	resp, err := v.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, io.LimitReader(resp.Body, 16<<20))
	return resp, err
}

// probe returns the certificate that the site sends, after checking it.
func (v *visitor) probe(ctx context.Context, name string) (*x509.Certificate, error) {
	resp, err := v.get(ctx, siteURL("https", name, v.https)+"healthz", "")
	if err != nil {
		return nil, err
	}
	if resp.StatusCode >= 500 {
		return nil, errors.New("it answers " + resp.Status)
	}
	return resp.TLS.PeerCertificates[0], nil
}

// turnedAway reports whether the server itself ended a handshake, as it does while it has no certificate.
func turnedAway(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "remote error"
}
