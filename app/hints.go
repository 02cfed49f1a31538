package main

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"example.com/turnkey/middleware"
)

// hints tell the owner of what requests show to be wrong in front of the app: a proxy that is not understood, a tunnel
// or a front end that the settings do not name. Each is a line in the log, at most one an hour of a kind, since
// strangers can send such requests too.
type hints struct {
	cfg                        config
	log                        *slog.Logger
	proxies, hosts, preflights middleware.Seldom
}

// schemeUnknown is the kind of every reason why neither redirect nor HSTS is possible.
const schemeUnknown = "scheme unknown"

// loopbackProxies is what makes a proxy or tunnel on the same machine believed.
const loopbackProxies = "127.0.0.1,::1"

// unknownScheme is told of a request whose proxy sent no X-Forwarded-Proto.
func (h *hints) unknownScheme(r *http.Request) {
	if r.Header["X-Forwarded-Proto"] != nil || !h.proxies.Due(schemeUnknown) { // what cannot be read is told by doubt
		return
	}
	h.log.Warn("the proxy does not say whether visitors come over https; without that there is neither redirect nor HSTS",
		"fix", "let it set X-Forwarded-Proto (nginx: proxy_set_header X-Forwarded-Proto $scheme)")
}

// doubt is told of a request whose proxy is not understood or not believed.
func (h *hints) doubt(r *http.Request, d middleware.Doubt) {
	kind := fmt.Sprint("doubt ", d.Kind)
	if d.Kind == middleware.SchemeUntrusted && h.cfg.httpsAddr == "" {
		kind = schemeUnknown
	}
	if !h.proxies.Due(kind) {
		return
	}
	message, fix := h.explain(r, d)
	h.log.Warn(message, "from", r.RemoteAddr, "header", d.Header, "value", d.Value, "fix", fix)
}

func (h *hints) explain(r *http.Request, d middleware.Doubt) (message, fix string) {
	const byCertificate = "let the proxy connect to HTTPS_ADDR by TLS, with a client certificate that a CA of TLS_CLIENT_CA_FILE signed; " +
		"or take TLS_CLIENT_CA_FILE out"
	switch d.Kind {
	case middleware.ClientUnread:
		return "a trusted proxy's " + d.Header + " holds no address where the visitor's should be: " +
				"such visitors are all taken for the proxy, and share one rate limit",
			"let the proxy send the visitor's address (nginx: proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for), " +
				"or name its header in CLIENT_IP_HEADER"
	case middleware.SchemeUnread:
		return "a trusted proxy's X-Forwarded-Proto is neither https nor http, and is ignored",
			"let it send one of the two (nginx: proxy_set_header X-Forwarded-Proto $scheme)"
	case middleware.SchemeListed:
		return "X-Forwarded-Proto ends in http, and its last word counts: the request is redirected to https, " +
				"in circles if the visitor came over https to another proxy in front",
			"let the outermost proxy set the header, and the others pass it on unchanged rather than append to it " +
				"(nginx: proxy_set_header X-Forwarded-Proto $http_x_forwarded_proto)"
	case middleware.SchemeUnproven:
		return "a trusted proxy says https, but connected without TLS, and TLS_CLIENT_CA_FILE requires a client certificate: " +
			"the request is redirected to https, in circles if the visitor came over https", byCertificate
	}
	fix = "if that address is your proxy or tunnel, add it to TRUSTED_PROXIES: " + h.trusting(r.RemoteAddr)
	switch {
	case h.cfg.httpsAddr == "":
		return "X-Forwarded-Proto comes from an address that is not trusted, and is ignored; " +
			"without it there is neither redirect nor HSTS", fix
	case h.cfg.clientCAFile != "":
		fix = "if that address is your proxy: " + byCertificate
	}
	return "X-Forwarded-Proto: https comes from an address that is not trusted, and is ignored: the request is redirected to https, " +
		"in circles if that address is your proxy or tunnel", fix
}

// trusting is TRUSTED_PROXIES as it should be for a peer.
func (h *hints) trusting(remote string) string {
	peer, err := netip.ParseAddrPort(remote)
	if err != nil || peer.Addr().Unmap().IsLoopback() {
		return "TRUSTED_PROXIES=" + loopbackProxies
	}
	return "TRUSTED_PROXIES=" + peer.Addr().Unmap().WithZone("").String()
}

// refusedHost tells a developer, in the log and in the answer, of a host that is not among the site's: mostly the name
// of a tunnel.
func (h *hints) refusedHost(host string) string {
	if _, fix := normalDomain(host); fix != "" {
		return ""
	}
	settings := "DOMAINS=" + strings.Join(append(slices.Clone(h.cfg.domains), host), ",")
	loopback := netip.MustParseAddr("127.0.0.1")
	if !slices.ContainsFunc(h.cfg.trustedProxies, func(p netip.Prefix) bool { return p.Contains(loopback) }) {
		settings += " and, so that a tunnel's X-Forwarded-Proto is believed, TRUSTED_PROXIES=" + loopbackProxies
	}
	if h.hosts.Due(host) {
		h.log.Warn("a request was refused: this development server does not answer for its host", "host", host,
			"fix", "if the host is yours, a tunnel's perhaps, set in .env "+settings)
	}
	return fmt.Sprintf("This development server does not answer for the host %q. "+
		"If the host is yours, a tunnel's perhaps, set in .env %s", host, settings)
}

// refusedOrigin tells of a preflight whose origin is not in CORS_ORIGINS; a developer also in the answer.
func (h *hints) refusedOrigin(r *http.Request, origin string) string {
	known, fix := normalOrigin(origin)
	switch {
	case origin == "null":
		fix = "open the page over https: one from a file or in a sandboxed frame has no origin that could be named"
	case fix != "": // no browser's
		return ""
	case h.cfg.prod && !strings.HasPrefix(known, "https://"):
		fix = "serve that page over https, and name its https origin in CORS_ORIGINS"
	default:
		fix = "to let its scripts in, with the visitor's cookies, set CORS_ORIGINS=" +
			strings.Join(append(slices.Clone(h.cfg.corsOrigins), known), ",")
	}
	if h.preflights.Due(origin) {
		h.log.Warn("a preflight was refused: its origin is not in CORS_ORIGINS", "origin", origin,
			"method", r.Header.Get("Access-Control-Request-Method"), "path", r.URL.Path, "fix", fix)
	}
	if h.cfg.prod {
		return ""
	}
	return fmt.Sprintf("The origin %q is not in CORS_ORIGINS: %s", origin, fix)
}
