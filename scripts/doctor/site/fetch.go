package site

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const (
	fetchTime = 4 * time.Second
	mostBody  = 1 << 20 // bytes
	mostHead  = 64 << 10
	mostHops  = 10 // as Let's Encrypt follows
)

// answer is a response, with as much of its body as the limits allow.
type answer struct {
	status int
	header http.Header
	proto  string
	size   int64
	cut    error // why the body did not come to its end; nil if it did, or was longer than mostBody
	tls    *tls.ConnectionState
}

// redirect reports whether the status is one that browsers follow.
func (a answer) redirect() bool {
	switch a.status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return true
	}
	return false
}

// fetch requests one URL of the site and follows no redirect.
func (l *look) fetch(ctx context.Context, u *url.URL) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTime)
	defer cancel()
	transport := l.transport()
	defer transport.CloseIdleConnections()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return answer{}, err
	}
	req.Header.Set("User-Agent", "turnkey-doctor")
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	a := answer{status: resp.StatusCode, header: resp.Header, proto: resp.Proto, tls: resp.TLS}
	a.size, a.cut = io.Copy(io.Discard, io.LimitReader(resp.Body, mostBody))
	return a, nil
}

// transport connects to the addresses that answered, and ignores proxies of the environment.
func (l *look) transport() *http.Transport {
	return &http.Transport{
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			_, port, err := net.SplitHostPort(addr)
			if err != nil {
				return nil, err
			}
			open := l.https
			if port == strconv.Itoa(l.httpPort) {
				open = l.http
			}
			if len(open) == 0 {
				return nil, errors.New("port " + port + " cannot be reached")
			}
			return l.dial(ctx, network, net.JoinHostPort(open[0].String(), port))
		},
		TLSClientConfig:        l.config(),
		ForceAttemptHTTP2:      true,
		DisableKeepAlives:      true,
		DisableCompression:     true,
		MaxResponseHeaderBytes: mostHead,
	}
}

// ticket sends a HEAD request and reports whether the connection was resumed. Tickets of TLS 1.3 arrive after the
// handshake, so it has to read a response.
func (l *look) ticket(ctx context.Context, cache tls.ClientSessionCache) (resumed bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTime)
	defer cancel()
	transport := l.transport()
	transport.TLSClientConfig.ClientSessionCache = cache
	defer transport.CloseIdleConnections()
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, l.url("https", "/"), nil)
	if err != nil {
		return false, err
	}
	req.Header.Set("User-Agent", "turnkey-doctor")
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return false, err
	}
	resp.Body.Close()
	return resp.TLS != nil && resp.TLS.DidResume, nil
}

// ours reports whether a URL is the site's, on a known port. No other URL is requested.
func (l *look) ours(u *url.URL) bool {
	return l.sameHost(u) && (u.Scheme == "https" && port(u) == l.httpsPort || u.Scheme == "http" && port(u) == l.httpPort)
}

func (l *look) sameHost(u *url.URL) bool {
	if a, err := netip.ParseAddr(u.Hostname()); err == nil {
		return l.addr.IsValid() && a.Unmap() == l.addr
	}
	host, err := asciiHost(u.Hostname())
	return err == nil && host == l.host
}

// port returns the port that a URL names or implies, or 0.
func port(u *url.URL) int {
	if p := u.Port(); p != "" {
		n, err := strconv.Atoi(p)
		if err != nil {
			return 0
		}
		return n
	}
	return map[string]int{"http": 80, "https": 443}[u.Scheme]
}

// troubled describes a failed request.
func troubled(err error) string {
	switch {
	case late(err):
		return "does not answer in time"
	case strings.Contains(err.Error(), "malformed HTTP"):
		return "answers something that is not HTTP"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "hangs up without an answer"
	}
	return "fails: " + part(err.Error())
}
