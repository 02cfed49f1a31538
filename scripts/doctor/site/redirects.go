package site

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"example.com/turnkey/middleware/host"
	"example.com/turnkey/scripts/doctor/report"
)

const (
	mostBody = 1 << 20 // bytes
	mostHead = 64 << 10
	mostHops = 10 // as Let's Encrypt follows
)

// hop is one response to a client that follows redirects.
type hop struct {
	*http.Response
	body string // as far as the limits allow
	cut  error  // why the body did not come to its end; nil if it did, or was longer than mostBody
	url  *url.URL
	to   *url.URL // nil: no redirect, or an invalid one
}

func (h hop) redirect() bool { return slices.Contains([]int{301, 302, 303, 307, 308}, h.StatusCode) }

// fetch requests one URL of the site and follows no redirect. tickets may be nil. It connects to the addresses that
// answered, and ignores proxies of the environment.
func (l *look) fetch(ctx context.Context, method string, u *url.URL, tickets tls.ClientSessionCache) (hop, error) {
	ctx, cancel := context.WithTimeout(ctx, l.limits.fetch)
	defer cancel()
	req := (&http.Request{Method: method, URL: u, Header: http.Header{"User-Agent": {"turnkey-doctor"}}}).WithContext(ctx)
	open := l.https
	if u.Scheme == "http" {
		open = l.http
	}
	if len(open) == 0 {
		return hop{}, errors.New("the port of " + u.Scheme + " cannot be reached")
	}
	transport := &http.Transport{
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			_, port, _ := net.SplitHostPort(addr)
			return l.Dial(ctx, network, net.JoinHostPort(open[0].addr.String(), port))
		},
		TLSClientConfig: l.config(), ForceAttemptHTTP2: true,
		DisableKeepAlives: true, DisableCompression: true, MaxResponseHeaderBytes: mostHead,
	}
	transport.TLSClientConfig.ClientSessionCache = tickets
	defer transport.CloseIdleConnections()
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return hop{}, err
	}
	defer resp.Body.Close()
	h := hop{Response: resp, url: u}
	var body []byte
	body, h.cut = io.ReadAll(io.LimitReader(resp.Body, mostBody))
	h.body = string(body)
	if location := resp.Header.Get("Location"); h.redirect() && location != "" {
		if h.to, err = u.Parse(location); err == nil {
			h.to.Fragment = ""
		}
	}
	return h, nil
}

// walk requests a URL and follows redirects within the site. It ends with the first answer that is no redirect, leads
// to another host, or was seen before. loop reports the last case.
func (l *look) walk(ctx context.Context, at *url.URL) (hops []hop, loop bool, err error) {
	for range mostHops {
		if slices.ContainsFunc(hops, func(h hop) bool { return h.url.String() == at.String() }) {
			return hops, true, nil
		}
		h, err := l.fetch(ctx, http.MethodGet, at, nil)
		if err != nil {
			return hops, false, fmt.Errorf("%s %s", at.Redacted(), requestFailure(err))
		}
		hops = append(hops, h)
		if h.to == nil || !l.ours(h.to) {
			return hops, false, nil
		}
		at = h.to
	}
	return hops, true, nil
}

// toItself reports whether an https address redirects to itself.
func toItself(hops []hop) bool {
	return slices.ContainsFunc(hops, func(h hop) bool {
		return h.url.Scheme == "https" && h.to != nil && h.to.String() == h.url.String()
	})
}

// ours reports whether a URL is the site's, on a known port. No other URL is requested.
func (l *look) ours(u *url.URL) bool {
	port := cmp.Or(u.Port(), map[string]string{"http": "80", "https": "443"}[u.Scheme])
	want := map[string]int{"http": l.httpPort, "https": l.httpsPort}[u.Scheme]
	return l.sameHost(u) && want != 0 && port == strconv.Itoa(want)
}

func (l *look) sameHost(u *url.URL) bool {
	if a, err := netip.ParseAddr(u.Hostname()); err == nil {
		return l.addr.IsValid() && a.Unmap() == l.addr
	}
	name, err := host.ASCII(u.Hostname())
	return err == nil && name == l.host
}

func requestFailure(err error) string {
	switch {
	case err == nil:
		return ""
	case timedOut(err):
		return "does not answer in time"
	case strings.Contains(err.Error(), "malformed HTTP"):
		return "answers something that is not HTTP"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "closes the connection without an answer"
	}
	return "fails: " + part(err.Error())
}

// redirects does what a browser does for a user who types the name without https://.
func (l *look) redirects(ctx context.Context, s *report.Section) {
	hops, loop, err := l.walk(ctx, l.at("http", "/"))
	if len(hops) == 0 {
		s.Wrong("redirect", err.Error(), "look at what listens on that port, and into its log")
		return
	}
	sent := "" // HSTS over plain http
	for i, h := range hops {
		what := fmt.Sprintf("%s: %d", part(h.url.String()), h.StatusCode)
		if h.redirect() {
			what += " → " + part(h.Header.Get("Location"))
		}
		if i < 5 { // of more, the rest is the same again
			s.OK("hop", what)
		}
		if h.url.Scheme == "http" {
			sent = cmp.Or(sent, part(h.Header.Get("Strict-Transport-Security")))
		}
	}
	l.redirectToHTTPS(s, hops, loop, err)
	s.First("hsts-http", report.Cases{
		{sent != "", wrong, "Strict-Transport-Security is sent over plain http: " + sent + "; browsers ignore it there, " +
			"and RFC 6797 §7.2 forbids it", "send it over https alone"},
		{true, good, "Strict-Transport-Security is not sent over plain http, as it should be", ""},
	})
}

// redirectToHTTPS checks the redirects as a whole.
func (l *look) redirectToHTTPS(s *report.Section, hops []hop, loop bool, err error) {
	toHTTPS := "answer everything on plain http with 308 to the same path at " + l.url()
	first, last := hops[0], hops[len(hops)-1]
	down := slices.IndexFunc(hops, func(h hop) bool {
		return h.url.Scheme == "https" && h.to != nil && h.to.Scheme == "http"
	})
	to, host, port := "", "", ""
	if first.to != nil {
		to = part(first.to.String())
	}
	if last.to != nil {
		host, port = part(strings.ToLower(last.to.Hostname())), part(last.to.String())
	}
	at, status := last.url.Scheme, first.StatusCode
	s.First("redirect", report.Cases{
		{loop && down >= 0, wrong, "a loop: http leads to https, and https back to http", "let one of them end it; behind " +
			"Cloudflare set SSL/TLS to “Full (strict)”, behind another proxy pass X-Forwarded-Proto on and trust it"},
		{loop && toItself(hops), warn, "it leads to https, which leads to itself", "see the page among the headers below"},
		{loop, wrong, fmt.Sprintf("a loop, or more than %d redirects: browsers give up", mostHops), endLoop},
		{down >= 0, wrong, "https leads back to plain http: " + part(hops[max(0, down)].Header.Get("Location")),
			"remove that redirect"},
		{!first.redirect(), wrong, fmt.Sprint("plain http is answered with ", status, ", not a redirect to https"), toHTTPS},
		{to == "", wrong, fmt.Sprintf("its Location is no URL: %q", part(first.Header.Get("Location"))), toHTTPS},
		{at == "http" && host == "", wrong, fmt.Sprint("the redirects end on plain http, with ", last.StatusCode), toHTTPS},
		{at == "http" && siblings(host, l.host), warn, "it leads to " + host + " before https of this host was seen, so " +
			"HSTS never holds for " + l.host, toHTTPS + " first, then to " + host + "; next: doctor https://" + host},
		{at == "http" && host != "" && !l.sameHost(last.to), wrong, "it leads to another host: " + port,
			toHTTPS + "; if the other host is meant: doctor https://" + host},
		{at == "http" && err == nil, warn, "it leads to another port of the host: " + port,
			"if visitors come by " + l.url() + ", lead there"},
		{!strings.HasPrefix(to, "https:"), warn, "it takes more than one step to https: " + to + " comes first", toHTTPS},
		{status != 301 && status != 308, warn, fmt.Sprint("it leads to https by ", status, ", which is temporary: browsers ",
			"use plain http again each time"), "use 308, or 301"},
		{err != nil, warn, fmt.Sprint("it leads to https, where ", err), "see the groups below"},
		{true, good, fmt.Sprint("leads to https of the same host by ", status, ", which is permanent"), ""},
	})
}

const endLoop = "let / answer a page, or lead to one at once"

// answersForAccount reports whether a body is what http-01 wants to read for a token: the token and the thumbprint of an
// account's key (RFC 8555 §8.1).
func answersForAccount(body, token string) bool {
	thumbprint, ok := strings.CutPrefix(strings.TrimSpace(body), token+".")
	sum, err := base64.RawURLEncoding.DecodeString(thumbprint)
	return ok && err == nil && len(sum) == sha256.Size
}

// challenge requests the URL where a CA looks for the answer to http-01 (RFC 8555 §8.3), with a random token. A server
// that answers challenges answers it with 404, or for its account.
func (l *look) challenge(ctx context.Context, s *report.Section) {
	const name, wellKnown = "http-01", "/.well-known/acme-challenge/"
	const through = "let " + wellKnown + " on plain http reach the server that orders the certificate, before any " +
		"redirect, login or page"
	token := "turnkey-doctor-" + rand.Text()
	hops, loop, err := l.walk(ctx, l.at("http", wellKnown+token))
	if err != nil {
		s.Wrong(name, strings.ReplaceAll(err.Error(), token, "…")+": CAs would say the same", through)
		return
	}
	last := hops[len(hops)-1]
	with := fmt.Sprint(" with ", last.StatusCode)
	if len(hops) > 1 {
		with += ", after a redirect to " + part(last.url.Scheme) + ", which CAs follow"
	}
	to := ""
	if last.to != nil {
		to = part(last.to.Scheme + "://" + last.to.Host)
	}
	status := last.StatusCode
	s.First(name, report.Cases{
		{loop, wrong, "a challenge ends in a loop of redirects", through},
		{to != "", warn, "challenges are redirected to " + to + ": the answers have to be on that server", through},
		{last.redirect(), wrong, "challenges are redirected to nowhere", through},
		{status == 404 || status == 410, good, "challenges reach the server: it answers an unknown one" + with, ""},
		{status == 401 || status == 403, wrong, "challenges are refused" + with, through},
		{status == http.StatusMisdirectedRequest, wrong, "the server does not know this host: 421",
			"add " + l.host + " to its names" + ourDomains},
		{status >= 500, wrong, "challenges are answered" + with, through},
		{status == 200 && answersForAccount(last.body, token), good, "challenges reach the server: it answers an unknown one " +
			"for its account, as servers do that share one", ""},
		{status < 300, warn, "an unknown challenge is answered" + with + " and a page, not with 404: if a real one gets " +
			"that too, validation fails", through},
		{true, warn, "an unknown challenge is answered" + with + ", not with 404", through},
	})
}
