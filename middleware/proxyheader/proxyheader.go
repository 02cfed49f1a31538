// Package proxyheader reads the headers in which proxies describe the client, and removes them from requests of peers
// that are not trusted. A client can send such headers too, so they are believed only if a trusted proxy connected.
//
// It imports no web framework: a Policy works on an *http.Request.
package proxyheader

import (
	"cmp"
	"net/http"
	"net/netip"
	"strings"

	"example.com/turnkey/middleware/loglimit"
)

// Policy says which proxies are believed, and in what. The zero value trusts none.
type Policy struct {
	// Trusted has the addresses of proxies. gin's Engine.SetTrustedProxies takes the same list.
	Trusted []netip.Prefix
	// ClientHeader is the header in which they name the client: one of ClientHeaders. It has to be the only one in the
	// engine's RemoteIPHeaders. Empty: X-Forwarded-For.
	ClientHeader string
	// TLSEnds says that this server has a TLS port, so that a connection without TLS is plain http.
	TLSEnds bool
	// TLSProves says that clients have to show a certificate in the handshake. A request that came without TLS then
	// counts as http, whatever a proxy says. Otherwise a header could replace the certificate.
	TLSProves bool
	// Unnamed reports whether the connection came from a TCP balancer that did not name the client. The peer's address
	// is then the balancer's, which is trusted, but the client wrote the headers. nil: no balancer is configured.
	Unnamed func(*http.Request) bool
	// OnDoubt is called for a request whose proxy's headers cannot be understood or are not trusted. It may be nil.
	OnDoubt func(*http.Request, Doubt)
}

// ClientHeaders are the headers in which a trusted proxy can name the client, in canonical form.
var ClientHeaders = []string{xForwardedFor, "X-Real-Ip", "Cf-Connecting-Ip", "Fly-Client-Ip"}

const (
	xForwardedFor   = "X-Forwarded-For"
	xForwardedProto = "X-Forwarded-Proto"
)

// Doubt is a header of a proxy that has no effect, although the proxy's owner may expect one, and the reason.
type Doubt struct {
	Kind   Kind
	Header string // its name
	Value  string // as it came, but shortened
}

// Kind is a reason to doubt.
type Kind string

// The reasons. The first four are about trusted proxies.
const (
	// ClientUnread: the client's address is no address, so the proxy counts as the client.
	ClientUnread Kind = "client unread"
	// SchemeUnread: the scheme is neither https nor http.
	SchemeUnread Kind = "scheme unread"
	// SchemeListed: the scheme is a list. Its last word counts and is http, and an earlier one is https.
	SchemeListed Kind = "scheme listed"
	// SchemeUnproven: the scheme is https, on a connection without TLS, where client certificates are required.
	SchemeUnproven Kind = "scheme unproven"
	// SchemeUntrusted: the scheme is https, from a peer that is not trusted, on a connection without TLS.
	SchemeUntrusted Kind = "scheme untrusted"
)

// Apply removes the headers in which proxies describe the client, unless a trusted proxy sent the request. It reports
// whether there were any to remove. It sets r.URL.Scheme to the scheme by which the visitor reached the site:
// "https", "http", or "" if only the proxy can know and did not say.
func (p *Policy) Apply(r *http.Request) (removed bool) {
	if isTrusted(p.Trusted, r.RemoteAddr) && (p.Unnamed == nil || !p.Unnamed(r)) {
		if header := cmp.Or(p.ClientHeader, xForwardedFor); !rewriteAddresses(r.Header, header, p.Trusted) {
			p.doubt(r, ClientUnread, header, r.Header[header])
		}
		r.URL.Scheme = p.scheme(r)
		return false
	}
	claimed := r.Header[xForwardedProto]
	removed = removeClaims(r.Header)
	r.URL.Scheme = p.connection(r)
	if r.URL.Scheme != "https" && claimed != nil && schemeOf(lastWord(claimed)) == "https" {
		p.doubt(r, SchemeUntrusted, xForwardedProto, claimed)
	}
	return removed
}

func (p *Policy) doubt(r *http.Request, kind Kind, header string, values []string) {
	if p.OnDoubt != nil {
		p.OnDoubt(r, Doubt{kind, header, loglimit.Shorten(strings.Join(values, ", "), loglimit.MaxLogged)})
	}
}

func isTrusted(trusted []netip.Prefix, remote string) bool {
	if len(trusted) == 0 {
		return false
	}
	peer, err := netip.ParseAddrPort(remote)
	return err == nil && contains(trusted, peer.Addr().Unmap().WithZone(""))
}
