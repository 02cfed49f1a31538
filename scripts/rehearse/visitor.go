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

// visitor is a stranger who looks every name up at this machine, trusts the practice root alone, and opens a
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

// get asks for a URL, with another Host header if one is given. The body is read and left.
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

// probe is one short visit: the certificate that was shown, and checked.
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

// turnedAway says whether the server itself ended a handshake, as it does while it has no certificate.
func turnedAway(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "remote error"
}
