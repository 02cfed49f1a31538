package site

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"example.com/turnkey/scripts/doctor/report"
)

const seeLog = "look into the server's log"

// headers checks the first page: HSTS on the first response, all others on the page after the redirects.
func (l *look) headers(ctx context.Context, s *report.Section) {
	hops, loop, err := l.walk(ctx, l.at("https", "/"))
	if len(hops) == 0 {
		s.First("page", report.Cases{
			{l.https[0].asked, wrong, "the page needs a client certificate, and the server asks visitors for one",
				"if a proxy in front has it, look at the proxy's host; else do not require it: for a site of this project " +
					"that is TLS_CLIENT_CA_FILE"},
			{true, wrong, fmt.Sprint(err), seeLog},
		})
		return
	}
	first, last := hops[0].Header, hops[len(hops)-1]
	l.page(s, hops, loop, err)
	l.hsts(s, first.Values("Strict-Transport-Security"))
	if last.to == nil || l.ours(last.to) {
		policies(s, last.Header)
	} else {
		s.Skip("policies", "the page is at another host")
	}
	cookies(s, hops)
	software(s, last.Header)
	date, err := http.ParseTime(first.Get("Date"))
	off := date.Sub(l.now).Abs()
	s.First("clock", report.Cases{
		{err != nil, skip, "the server does not say what time it is", ""},
		{off > 5*time.Minute, warn, "the server's clock and this machine's are " + span(off) + " apart",
			"set the one that is wrong by NTP: certificates are checked against it"},
		{true, good, "the server's clock agrees with this machine's", ""},
	})
}

// page checks the final response.
func (l *look) page(s *report.Section, hops []hop, loop bool, err error) {
	last := hops[len(hops)-1]
	status := last.StatusCode
	what := fmt.Sprintf("%s answers %d over %s", part(last.url.String()), status, part(last.Proto))
	to, host, name := "", "", ""
	if last.to != nil {
		to, host, name = part(last.to.String()), part(last.to.Host), strings.ToLower(last.to.Hostname())
	}
	s.First("page", report.Cases{
		{err != nil, wrong, fmt.Sprint(err), seeLog},
		{loop && toItself(hops), wrong, "https leads to itself: the server takes every request for one over http, because " +
			"the proxy in front does not say otherwise or is not trusted", "let the proxy nearest to the server send " +
			"X-Forwarded-Proto: https, and trust its address (for a site of this project: TRUSTED_PROXIES; its log names " +
			"both); of several proxies let the outermost set the header and the others pass it on, rather than append: " +
			"\"https, http\" ends in http; behind Cloudflare set SSL/TLS to “Full (strict)”"},
		{loop, wrong, "the redirects of / do not end", endLoop},
		{to != "" && l.sameHost(last.to), warn, what + " and leads to another port, or to plain http: " + to,
			"keep visitors on " + l.url()},
		{siblings(name, l.host), good, what + ": the canonical host is " + host + "; next: doctor https://" + host, ""},
		{to != "", good, what + " and leads to another host: " + host, ""},
		{status == http.StatusMisdirectedRequest, wrong, what + ": the server does not know this host",
			"add " + l.host + " to its names" + ourDomains},
		{status >= 500, wrong, what, seeLog + "; if a proxy is in front, whether it reaches the app"},
		{status >= 400, warn, what, "if visitors are meant to come here, give / a page"},
		{last.cut != nil, wrong, what + ", but the page does not come to its end: " + requestFailure(last.cut), seeLog},
		{true, good, what, ""},
	})
}

// hsts checks the policy that keeps browsers on https.
func (l *look) hsts(s *report.Section, values []string) {
	const fix = "send over https: Strict-Transport-Security: max-age=31536000; for a site of this project that is " +
		"HSTS, and the default of ENV=prod"
	p, err := parseHSTS(strings.Join(values[:min(1, len(values))], ""))
	value := part(strings.Join(values[:min(1, len(values))], ""))
	s.First("hsts", report.Cases{
		{l.addr.IsValid() || l.loopback(), skip, "it means nothing for an address or localhost", ""},
		{len(values) == 0, warn, "there is none: each time, an attacker can take over a visitor's first request", fix},
		{err != nil, wrong, value + " is ignored by browsers: " + fmt.Sprint(err), fix},
		{p.maxAge == 0, warn, value + " makes browsers forget the policy", fix},
		{p.maxAge < 180*day, warn, value + " is forgotten after " + span(p.maxAge) + "; use half a year at least", fix},
		{len(values) > 1, warn, fmt.Sprintf("it is sent %d times; browsers take the first, %s", len(values), value),
			"let one alone send it: the app, or the proxy in front"},
		{p.preload && (!p.subdomains || p.maxAge < 365*day), warn, value + ": preload needs includeSubDomains and a year",
			"add them, or remove preload"},
		{true, good, value, ""},
	})
}

// hstsPolicy is a parsed Strict-Transport-Security header.
type hstsPolicy struct {
	maxAge              time.Duration
	subdomains, preload bool
}

const hundredYears = 100 * 366 * 24 * 60 * 60 // seconds, which a time.Duration can hold

// parseHSTS parses a header (RFC 6797 §6.1). Browsers ignore a header that it rejects.
func parseHSTS(value string) (hstsPolicy, error) {
	found := map[string]string{}
	for directive := range strings.SplitSeq(value, ";") {
		name, arg, _ := strings.Cut(directive, "=")
		if name = strings.ToLower(strings.Trim(name, " \t")); name == "" {
			continue
		}
		if _, twice := found[name]; twice {
			return hstsPolicy{}, fmt.Errorf("%s is there twice", name)
		}
		found[name] = strings.Trim(arg, " \t")
	}
	age := found["max-age"]
	if len(age) > 1 && age[0] == '"' && age[len(age)-1] == '"' {
		age = age[1 : len(age)-1]
	}
	if age == "" || strings.Trim(age, "0123456789") != "" {
		return hstsPolicy{}, fmt.Errorf("max-age %q is no number of seconds", age)
	}
	seconds, _ := strconv.ParseUint(age, 10, 63) // of a number that is too large, the largest
	_, subdomains := found["includesubdomains"]
	_, preload := found["preload"]
	return hstsPolicy{time.Duration(min(seconds, hundredYears)) * time.Second, subdomains, preload}, nil
}

// policies checks what the page tells browsers to forbid.
func policies(s *report.Section, header http.Header) {
	get := func(name string) string { return strings.ToLower(strings.TrimSpace(header.Get(name))) }
	csp := strings.ToLower(strings.Join(header.Values("Content-Security-Policy"), ", "))
	frame, referrer := get("X-Frame-Options"), get("Referrer-Policy")
	s.First("csp", report.Cases{
		{csp != "", good, part(csp), ""},
		{strings.Contains(get("Content-Type"), "json"), good, "the answer is JSON, which runs nothing", ""},
		{get("Content-Security-Policy-Report-Only") != "", warn, "it is only reported on, not enforced",
			"send it as Content-Security-Policy once there are no more reports"},
		{true, warn, "there is no Content-Security-Policy: a script that an attacker puts into the page may do anything",
			"send: Content-Security-Policy: default-src 'self'; object-src 'none'; base-uri 'self'; frame-ancestors 'self'"},
	})
	s.First("nosniff", report.Cases{
		{get("X-Content-Type-Options") == "nosniff", good, "browsers go by Content-Type alone", ""},
		{true, warn, "browsers may guess what a file is", "send: X-Content-Type-Options: nosniff"},
	})
	s.First("framing", report.Cases{
		{strings.Contains(csp, "frame-ancestors"), good, "frame-ancestors of the policy says who may frame the page", ""},
		{frame == "deny" || frame == "sameorigin", good, "X-Frame-Options: " + frame, ""},
		{true, warn, "any site may show this one in a frame, and have visitors click in it",
			"add frame-ancestors 'self' to Content-Security-Policy"},
	})
	s.First("referrer", report.Cases{
		{referrer == "", good, "browsers' own: other sites learn the host that visitors come from, not the page", ""},
		{referrer == "unsafe-url" || referrer == "no-referrer-when-downgrade", warn,
			referrer + ": other sites learn which page visitors come from, query included",
			"send: Referrer-Policy: strict-origin-when-cross-origin"},
		{true, good, part(referrer), ""},
	})
}

// cookies checks those of every response. It never prints a value, which may be a secret.
func cookies(s *report.Section, hops []hop) {
	seen := map[string]bool{}
	for _, h := range hops {
		for _, cookie := range h.Cookies() {
			if h.url.Scheme != "https" || seen[cookie.Name] || len(seen) == 10 {
				continue
			}
			seen[cookie.Name] = true
			name := part(cookie.Name)
			s.First("cookie", report.Cases{
				{!cookie.Secure, warn, name + " has no Secure: it goes over plain http too",
					"set it with Secure, HttpOnly and SameSite=Lax"},
				{!cookie.HttpOnly, warn, name + " has no HttpOnly: scripts can read it",
					"unless a script of yours must, set it with HttpOnly"},
				{true, good, name + " has Secure and HttpOnly", ""},
			})
		}
	}
}

var versioned = regexp.MustCompile(`\d+\.\d+`)

// software checks headers that tell attackers which software to look up.
func software(s *report.Section, header http.Header) {
	for _, name := range []string{"Server", "X-Powered-By", "X-AspNet-Version"} {
		if v := header.Get(name); versioned.MatchString(v) {
			s.Warn("software", name+": "+part(v)+" tells attackers which version runs",
				"leave the version out (nginx: server_tokens off; Apache: ServerTokens Prod; Express: app.disable('x-powered-by'))")
		}
	}
}
