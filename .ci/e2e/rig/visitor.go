package rig

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// Visitor is a client that resolves every host to 127.0.0.1, trusts roots, follows no redirect, and opens a connection
// for each request, as a new visitor does.
func Visitor(roots *x509.CertPool) *http.Client {
	return VisitorWith(&tls.Config{RootCAs: roots})
}

// VisitorWith is Visitor with the test's own TLS configuration.
func VisitorWith(config *tls.Config) *http.Client {
	return &http.Client{
		Timeout: 10 * time.Second,
		Transport: &http.Transport{
			DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
				_, port, err := net.SplitHostPort(addr)
				if err != nil {
					return nil, err
				}
				return (&net.Dialer{}).DialContext(ctx, network, net.JoinHostPort("127.0.0.1", port))
			},
			TLSClientConfig:   config,
			ForceAttemptHTTP2: true,
			DisableKeepAlives: true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// Request is a visitor's request. Only URL is required.
type Request struct {
	Method string
	URL    string
	Host   string   // sent instead of the URL's
	Header []string // name, value, name, value; a name may come twice
	Body   string
}

// Answer is the response to a visitor.
type Answer struct {
	*http.Response
	Body string
}

// Get requests url. The test fails without a response.
func Get(t testing.TB, c *http.Client, url string) Answer {
	t.Helper()
	return Ask(t, c, Request{URL: url})
}

// Ask sends a request. The test fails without a response.
func Ask(t testing.TB, c *http.Client, r Request) Answer {
	t.Helper()
	answer, err := Try(c, r)
	if err != nil {
		t.Fatalf("%s: %v", r.URL, err)
	}
	return answer
}

// Try sends a request.
func Try(c *http.Client, r Request) (Answer, error) {
	req, err := http.NewRequest(r.Method, r.URL, strings.NewReader(r.Body))
	if err != nil {
		return Answer{}, err
	}
	if r.Host != "" {
		req.Host = r.Host
	}
	for i := 0; i+1 < len(r.Header); i += 2 {
		req.Header.Add(r.Header[i], r.Header[i+1])
	}
	resp, err := c.Do(req)
	if err != nil {
		return Answer{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return Answer{resp, string(body)}, err
}

// Handshake completes a handshake with addr and closes the connection.
func Handshake(addr string, config *tls.Config) (tls.ConnectionState, error) {
	conn, err := tls.DialWithDialer(&net.Dialer{Timeout: 5 * time.Second}, "tcp", addr, config)
	if err != nil {
		return tls.ConnectionState{}, err
	}
	defer conn.Close()
	return conn.ConnectionState(), nil
}

// Refused reports whether err is a TLS alert from the peer, by crypto/tls's text for it.
func Refused(err error, alert string) bool {
	return err != nil && strings.Contains(err.Error(), "remote error: tls: "+alert)
}
