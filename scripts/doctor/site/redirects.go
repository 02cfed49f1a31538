package site

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// hop is one response to a client that follows redirects.
type hop struct {
	url *url.URL
	answer
	to *url.URL // nil: no redirect, or an invalid one
}

// walk requests a URL and follows redirects within the site. It ends with the first answer that is no redirect, leads
// to another host, or was seen before. loop reports the last case.
func (l *look) walk(ctx context.Context, start string) (hops []hop, loop bool, err error) {
	at, err := url.Parse(start)
	if err != nil {
		return nil, false, err
	}
	seen := map[string]bool{}
	for range mostHops {
		if seen[at.String()] {
			return hops, true, nil
		}
		seen[at.String()] = true
		a, err := l.fetch(ctx, at)
		if err != nil {
			return hops, false, fmt.Errorf("%s %s", at.Redacted(), troubled(err))
		}
		h := hop{url: at, answer: a}
		if a.redirect() {
			if to, err := at.Parse(a.header.Get("Location")); err == nil && a.header.Get("Location") != "" {
				to.Fragment = ""
				h.to = to
			}
		}
		hops = append(hops, h)
		if h.to == nil || !l.ours(h.to) {
			return hops, false, nil
		}
		at = h.to
	}
	return hops, true, nil
}

// redirects follows a user who types the name without https://.
func (l *look) redirects(ctx context.Context) section {
	s := section{group: "redirects"}
	if len(l.http) == 0 {
		s.skip("redirect", l.unheard())
		return s
	}
	hops, loop, err := l.walk(ctx, l.url("http", "/"))
	for i, h := range hops {
		what := fmt.Sprintf("%s: %d", part(h.url.String()), h.status)
		if h.redirect() {
			what += " → " + part(h.header.Get("Location"))
		}
		if i < 5 { // of more, the rest is the same again
			s.ok("hop", what)
		}
	}
	l.wayToHTTPS(&s, hops, loop, err)
	if len(hops) > 0 {
		sent := ""
		for _, h := range hops {
			if v := h.header.Get("Strict-Transport-Security"); h.url.Scheme == "http" && v != "" {
				sent = v
			}
		}
		if sent != "" {
			s.wrong("hsts-http", "Strict-Transport-Security is sent over plain http: "+part(sent)+"; browsers ignore it "+
				"there, and RFC 6797 §7.2 forbids it", "send it over https alone")
		} else {
			s.ok("hsts-http", "Strict-Transport-Security is not sent over plain http, as it should be")
		}
	}
	return s
}

// wayToHTTPS checks the redirects as a whole.
func (l *look) wayToHTTPS(s *section, hops []hop, loop bool, err error) {
	const name = "redirect"
	toHTTPS := "answer everything on plain http with 308 to the same path at " + l.url("https", "")
	if len(hops) == 0 {
		s.wrong(name, err.Error(), "look at what listens on that port, and into its log")
		return
	}
	first, last := hops[0], hops[len(hops)-1]
	down := slices.IndexFunc(hops, func(h hop) bool {
		return h.url.Scheme == "https" && h.to != nil &&
			h.to.Scheme == "http"
	})
	switch {
	case loop && down >= 0:
		s.wrong(name, "a loop: http leads to https, and https back to http",
			"let one of them end it; behind Cloudflare set SSL/TLS to “Full (strict)”, behind another proxy pass "+
				"X-Forwarded-Proto on and trust it")
	case loop && toItself(hops):
		s.warn(name, "it leads to https, which leads to itself", "see the page among the headers below")
	case loop:
		s.wrong(name, fmt.Sprintf("a loop, or more than %d redirects: browsers give up", mostHops),
			"let / answer a page, or lead to one at once")
	case down >= 0:
		s.wrong(name, "https leads back to plain http: "+part(hops[down].header.Get("Location")), "take that redirect out")
	case !first.redirect():
		s.wrong(name, fmt.Sprintf("plain http is answered with %d rather than a redirect to https", first.status), toHTTPS)
	case first.to == nil:
		s.wrong(name, "the redirect leads nowhere: Location is "+part(fmt.Sprintf("%q", first.header.Get("Location"))),
			toHTTPS)
	case last.url.Scheme == "http" && last.to == nil:
		s.wrong(name, fmt.Sprintf("the redirects end on plain http, with %d", last.status), toHTTPS)
	case last.url.Scheme == "http" && !l.sameHost(last.to):
		l.elsewhereTo(s, name, last.to, toHTTPS)
	case last.url.Scheme == "http" && err == nil:
		s.warn(name, "it leads to another port of the host: "+part(last.to.String()),
			"if visitors come by "+l.url("https", "")+", lead there")
	case first.to.Scheme == "http":
		s.warn(name, "it takes more than one step to https: "+part(first.to.String())+" comes first", toHTTPS)
	case first.status != http.StatusMovedPermanently && first.status != http.StatusPermanentRedirect:
		s.warn(name, fmt.Sprintf("it leads to https by %d, for the time being: browsers ask plain http again each time",
			first.status), "use 308, or 301")
	case err != nil:
		s.warn(name, "it leads to https, where "+err.Error(), "see the groups below")
	default:
		s.ok(name, fmt.Sprintf("leads to https of the same host by %d, for good", first.status))
	}
}

// The fault and the fix where https redirects to itself: the server sees a request without TLS from a proxy, and
// redirects it.
const (
	itself = "https leads to itself: the server takes every request for one over http, " +
		"because the proxy in front does not say otherwise or is not trusted"
	itselfFix = "let the proxy nearest to the server send X-Forwarded-Proto: https, and trust its address " +
		"(for a site of this project: TRUSTED_PROXIES; its log names both); of several proxies let the outermost set the " +
		"header " +
		"and the others pass it on, rather than append: \"https, http\" ends in http; " +
		"behind Cloudflare set SSL/TLS to “Full (strict)”"
)

// toItself reports whether an https address redirects to itself.
func toItself(hops []hop) bool {
	return slices.ContainsFunc(hops, func(h hop) bool {
		return h.url.Scheme == "https" && h.to != nil && h.to.String() == h.url.String()
	})
}

// elsewhereTo checks a redirect to another host before the site was reached by https.
func (l *look) elsewhereTo(s *section, name string, to *url.URL, fix string) {
	host := strings.ToLower(to.Hostname())
	if siblings(host, l.host) {
		s.warn(name, "it leads to "+part(host)+" before https of this host was seen, so HSTS never holds for "+l.host,
			fix+" first; that may lead on to "+part(host)+". For the rest: doctor https://"+part(host))
		return
	}
	s.wrong(name, "it leads to another host: "+part(to.Scheme+"://"+host),
		fix+"; if the other host is meant: doctor https://"+part(host))
}
