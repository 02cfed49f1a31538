package site

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"
)

// headers checks the first page: HSTS on the first response, all others on the page after the redirects.
func (l *look) headers(ctx context.Context) section {
	s := section{group: "headers"}
	if reason := l.absent(); reason != "" {
		s.skip("page", reason)
		return s
	}
	hops, loop, err := l.walk(ctx, l.url("https", "/"))
	if len(hops) == 0 && l.asked {
		s.wrong("page", l.url("https", "/")+" is for those with a client certificate, and the server asks visitors for one",
			"if a proxy in front has it, look at the proxy's host; else do not require it: for a site of this project that "+
				"is TLS_CLIENT_CA_FILE")
		return s
	}
	if len(hops) == 0 {
		s.wrong("page", err.Error(), "look into the server's log")
		return s
	}
	first, last := hops[0], hops[len(hops)-1]
	l.status(&s, hops, loop, err)
	l.hsts(&s, first.header)
	if last.to == nil || l.ours(last.to) {
		policies(&s, last.header)
	} else {
		s.skip("policies", "the page is at another host")
	}
	cookies(&s, hops)
	software(&s, last.header)
	if v := last.header.Get("Alt-Svc"); strings.Contains(v, "h3=") {
		s.ok("http3", "advertised: "+part(v))
	}
	l.clock(&s, first.header)
	return s
}

// status checks the final response.
func (l *look) status(s *section, hops []hop, loop bool, err error) {
	const name = "page"
	last := hops[len(hops)-1]
	what := fmt.Sprintf("%s answers %d over %s", part(last.url.String()), last.status, part(last.proto))
	switch {
	case err != nil:
		s.wrong(name, err.Error(), "look into the server's log")
	case loop && toItself(hops):
		s.wrong(name, itself, itselfFix)
	case loop:
		s.wrong(name, "the redirects of / end nowhere", "let / answer a page, or lead to one at once")
	case last.to != nil && l.sameHost(last.to):
		s.warn(name, what+" and leads to another port, or to plain http: "+part(last.to.String()),
			"keep visitors on "+l.url("https", ""))
	case last.to != nil && siblings(strings.ToLower(last.to.Hostname()), l.host):
		s.ok(name, what+": the canonical host is "+part(last.to.Hostname())+"; for the rest: doctor https://"+part(last.to.Host))
	case last.to != nil:
		s.ok(name, what+" and leads to another host: "+part(last.to.Scheme+"://"+last.to.Host))
	case last.status == http.StatusMisdirectedRequest:
		s.wrong(name, what+": the server does not know this host",
			"add "+l.host+" to its names; for a site of this project, to DOMAINS")
	case last.status >= 500:
		s.wrong(name, what, "look into the server's log; if a proxy is in front, whether it reaches the app")
	case last.status >= 400:
		s.warn(name, what, "if visitors are meant to come here, give / a page")
	case last.cut != nil:
		s.wrong(name, what+", but the page does not come to its end: "+troubled(last.cut), "look into the server's log")
	default:
		s.ok(name, what)
	}
}

// hsts checks the policy that keeps browsers on https.
func (l *look) hsts(s *section, header http.Header) {
	const name, half = "hsts", 180 * 24 * time.Hour
	const fix = "send over https: Strict-Transport-Security: max-age=31536000; for a site of this project that is " +
		"HSTS, and the default of ENV=prod"
	if l.addr.IsValid() || l.loopback() {
		s.skip(name, "it means nothing for an address or localhost")
		return
	}
	values := header.Values("Strict-Transport-Security")
	if len(values) == 0 {
		s.warn(name, "there is none: a visitor's first step can be taken over each time", fix)
		return
	}
	p, err := parseHSTS(values[0])
	value := part(values[0])
	switch {
	case err != nil:
		s.wrong(name, value+" is ignored by browsers: "+err.Error(), fix)
	case p.maxAge == 0:
		s.warn(name, value+" makes browsers forget the policy", fix)
	case p.maxAge < half:
		s.warn(name, value+" is forgotten after "+span(p.maxAge)+"; half a year is the least that is useful", fix)
	case len(values) > 1:
		s.warn(name, fmt.Sprintf("it is sent %d times; browsers take the first, %s", len(values), value),
			"let one alone send it: the app, or the proxy in front")
	case p.preload && (!p.subdomains || p.maxAge < 365*24*time.Hour):
		s.warn(name, value+": preload lists want includeSubDomains and a year", "add them, or take preload out")
	default:
		s.ok(name, value)
	}
}

// policies checks what the page tells browsers to forbid.
func policies(s *section, header http.Header) {
	csp := strings.ToLower(strings.Join(header.Values("Content-Security-Policy"), ", "))
	switch {
	case csp != "":
		s.ok("csp", part(csp))
	case header.Get("Content-Security-Policy-Report-Only") != "":
		s.warn("csp", "it is only reported on, not enforced", "send it as Content-Security-Policy once the reports are quiet")
	default:
		s.warn("csp", "there is no Content-Security-Policy: a script that slips into the page may do anything",
			"begin with: Content-Security-Policy: default-src 'self'; object-src 'none'; base-uri 'self'; frame-ancestors "+
				"'self'")
	}
	if v := header.Get("X-Content-Type-Options"); strings.EqualFold(strings.TrimSpace(v), "nosniff") {
		s.ok("nosniff", "browsers go by Content-Type alone")
	} else {
		s.warn("nosniff", "browsers may guess what a file is", "send: X-Content-Type-Options: nosniff")
	}
	frame := strings.ToUpper(strings.TrimSpace(header.Get("X-Frame-Options")))
	switch {
	case strings.Contains(csp, "frame-ancestors"):
		s.ok("framing", "frame-ancestors of the policy says who may frame the page")
	case frame == "DENY", frame == "SAMEORIGIN":
		s.ok("framing", "X-Frame-Options: "+frame)
	default:
		s.warn("framing", "any site may show this one in a frame, and have visitors click in it",
			"add frame-ancestors 'self' to Content-Security-Policy")
	}
	switch v := strings.ToLower(strings.TrimSpace(header.Get("Referrer-Policy"))); v {
	case "":
		s.ok("referrer", "browsers' own: other sites learn the host that visitors come from, not the page")
	case "unsafe-url", "no-referrer-when-downgrade":
		s.warn("referrer", part(v)+": other sites learn which page visitors come from, query included",
			"send: Referrer-Policy: strict-origin-when-cross-origin")
	default:
		s.ok("referrer", part(v))
	}
}

// cookies checks those of every response. It never prints a value, which may be a secret.
func cookies(s *section, hops []hop) {
	seen := map[string]bool{}
	for _, h := range hops {
		if h.url.Scheme != "https" {
			continue
		}
		for _, line := range h.header.Values("Set-Cookie") {
			cookie, err := http.ParseSetCookie(line)
			if err != nil || seen[cookie.Name] || len(seen) == 10 {
				continue
			}
			seen[cookie.Name] = true
			name := part(cookie.Name)
			switch {
			case !cookie.Secure:
				s.warn("cookie", name+" has no Secure: it goes over plain http too",
					"set it with Secure, HttpOnly and SameSite=Lax")
			case !cookie.HttpOnly:
				s.warn("cookie", name+" has no HttpOnly: scripts can read it",
					"unless a script of yours must, set it with HttpOnly")
			default:
				s.ok("cookie", name+" has Secure and HttpOnly")
			}
		}
	}
}

var versioned = regexp.MustCompile(`\d+\.\d+`)

// software checks headers that tell attackers which software to look up.
func software(s *section, header http.Header) {
	for _, name := range []string{"Server", "X-Powered-By", "X-AspNet-Version"} {
		if v := header.Get(name); versioned.MatchString(v) {
			s.warn("software", name+": "+part(v)+" tells everybody which version runs",
				"leave the version out (nginx: server_tokens off; Apache: ServerTokens Prod; Express: app.disable('x-powered-by'))")
		}
	}
}

// clock compares the two machines' time.
func (l *look) clock(s *section, header http.Header) {
	date, err := http.ParseTime(header.Get("Date"))
	if err != nil {
		s.skip("clock", "the server does not say what time it is")
		return
	}
	off := date.Sub(l.now).Abs()
	if off > 5*time.Minute {
		s.warn("clock", "the server's clock and this machine's are "+span(off)+" apart",
			"set the one that is wrong by NTP: certificates are judged by it")
		return
	}
	s.ok("clock", "the server's clock agrees with this machine's")
}
