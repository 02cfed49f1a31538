package server

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"example.com/turnkey/app/settings"
	"example.com/turnkey/middleware/loglimit"
	"example.com/turnkey/middleware/proxyheader"
)

// hints log mistakes in front of this server that requests show: a proxy whose headers cannot be parsed, or a tunnel or
// front end that the settings do not name. Any client can send such requests, so each kind of hint is logged once an
// hour.
type hints struct {
	settings                   settings.Settings
	servesTLS                  bool
	log                        *slog.Logger
	proxies, hosts, preflights loglimit.Limit
}

// schemeUnknown is the kind of all hints about a request that gets neither redirect nor HSTS because its scheme is
// unknown.
const schemeUnknown = "scheme unknown"

// loopbackProxies is the value of TRUSTED_PROXIES for a proxy or tunnel on this machine.
const loopbackProxies = "127.0.0.1,::1"

// unknownScheme logs that a proxy sent no X-Forwarded-Proto. If it sent an invalid one, doubt has logged that.
func (h *hints) unknownScheme(r *http.Request) {
	if r.Header["X-Forwarded-Proto"] != nil || !h.proxies.Allow(schemeUnknown) {
		return
	}
	h.log.Warn("the proxy does not say whether visitors come over https; without that there is no redirect to https and no HSTS",
		"fix", "let it set X-Forwarded-Proto (nginx: proxy_set_header X-Forwarded-Proto $scheme)")
}

// doubt logs that the headers of a proxy were not understood or not trusted.
func (h *hints) doubt(r *http.Request, d proxyheader.Doubt) {
	kind := string(d.Kind)
	if d.Kind == proxyheader.SchemeUntrusted && !h.servesTLS {
		kind = schemeUnknown
	}
	if !h.proxies.Allow(kind) {
		return
	}
	message, fix := h.explain(r, d)
	h.log.Warn(message, "from", r.RemoteAddr, "header", d.Header, "value", d.Value, "fix", fix)
}

// explain returns what a doubt means for visitors, and what to change.
func (h *hints) explain(r *http.Request, d proxyheader.Doubt) (message, fix string) {
	const byCertificate = "let the proxy connect to HTTPS_ADDR by TLS, with a client certificate " +
		"that a CA in TLS_CLIENT_CA_FILE signed; or remove TLS_CLIENT_CA_FILE"
	switch d.Kind {
	case proxyheader.ClientUnread:
		return "a trusted proxy's " + d.Header + " holds no address where the visitor's should be: " +
				"all such visitors count as the proxy itself, and share one rate limit",
			"let the proxy send the visitor's address (nginx: proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for), " +
				"or name its header in CLIENT_IP_HEADER"
	case proxyheader.SchemeUnread:
		return "a trusted proxy's X-Forwarded-Proto is neither https nor http, and is ignored",
			"let it send one of the two (nginx: proxy_set_header X-Forwarded-Proto $scheme)"
	case proxyheader.SchemeListed:
		return "X-Forwarded-Proto ends in http, and its last word counts: the request is redirected to https, " +
				"in circles if the visitor came over https to another proxy in front",
			"let the outermost proxy set the header, and the others pass it on unchanged rather than append to it " +
				"(nginx: proxy_set_header X-Forwarded-Proto $http_x_forwarded_proto)"
	case proxyheader.SchemeUnproven:
		return "a trusted proxy says https, but connected without TLS, and TLS_CLIENT_CA_FILE requires " +
			"a client certificate: the request is redirected to https, in circles if the visitor came over https", byCertificate
	}
	fix = "if that address is your proxy or tunnel, add it to TRUSTED_PROXIES: " + h.trusting(r.RemoteAddr)
	switch {
	case !h.servesTLS:
		return "X-Forwarded-Proto comes from an address that is not trusted, and is ignored; " +
			"without it there is no redirect to https and no HSTS", fix
	case h.settings.ClientCAFile != "":
		fix = "if that address is your proxy: " + byCertificate
	}
	return "X-Forwarded-Proto: https comes from an address that is not trusted, and is ignored: " +
		"the request is redirected to https, in circles if that address is your proxy or tunnel", fix
}

// trusting returns the setting that makes this server trust a peer.
func (h *hints) trusting(remote string) string {
	peer, err := netip.ParseAddrPort(remote)
	if err != nil || peer.Addr().Unmap().IsLoopback() {
		return "TRUSTED_PROXIES=" + loopbackProxies
	}
	return "TRUSTED_PROXIES=" + peer.Addr().Unmap().WithZone("").String()
}

// refusedHost logs what to set if a refused host is the developer's own, and returns the same text for the response.
// Most such hosts are names of tunnels. It is for development.
func (h *hints) refusedHost(host string) string {
	if _, fix := settings.Host(host); fix != "" {
		return ""
	}
	set := "DOMAINS=" + strings.Join(append(slices.Clone(h.settings.Domains), host), ",")
	loopback := netip.MustParseAddr("127.0.0.1")
	if !slices.ContainsFunc(h.settings.TrustedProxies, func(p netip.Prefix) bool { return p.Contains(loopback) }) {
		set += " and, to believe a tunnel's X-Forwarded-Proto, TRUSTED_PROXIES=" + loopbackProxies
	}
	if h.hosts.Allow(host) {
		h.log.Warn("a request was refused: this development server does not answer for its host", "host", host,
			"fix", "if the host is yours, such as a tunnel's, set in .env "+set)
	}
	return fmt.Sprintf("This development server does not answer for the host %q. "+
		"If the host is yours, such as a tunnel's, set in .env %s", host, set)
}

// refusedOrigin logs that the origin of a preflight is not in CORS_ORIGINS. In development it also returns a text for
// the response.
func (h *hints) refusedOrigin(r *http.Request, origin string) string {
	known, fix := settings.Origin(origin)
	switch {
	case origin == "null":
		fix = "open the page over https: a page from a file or in a sandboxed frame " +
			"has no origin that CORS_ORIGINS could name"
	case fix != "": // browsers send no such origin
		return ""
	case h.settings.Prod && !strings.HasPrefix(known, "https://"):
		fix = "serve that page over https, and name its https origin in CORS_ORIGINS"
	default:
		fix = "to let its scripts in, with the visitor's cookies, set CORS_ORIGINS=" +
			strings.Join(append(slices.Clone(h.settings.CORSOrigins), known), ",")
	}
	if h.preflights.Allow(origin) {
		h.log.Warn("a preflight was refused: its origin is not in CORS_ORIGINS", "origin", origin,
			"method", r.Header.Get("Access-Control-Request-Method"), "path", r.URL.Path, "fix", fix)
	}
	if h.settings.Prod {
		return ""
	}
	return fmt.Sprintf("The origin %q is not in CORS_ORIGINS: %s", origin, fix)
}
