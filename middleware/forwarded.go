package middleware

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"
)

// Forwarding is which proxies are believed, and in what.
type Forwarding struct {
	// Trusted are the addresses of proxies; the engine's own SetTrustedProxies takes the same list.
	Trusted []netip.Prefix
	// ClientHeader is the header in which they name the client, in canonical form. It has to be the only one in the engine's
	// RemoteIPHeaders. Empty: X-Forwarded-For.
	ClientHeader string
	// TLSEnds says that this server has a TLS port, so that a connection without TLS is plain http.
	TLSEnds bool
	// TLSProves says that clients have to show a certificate in the handshake. A request that came without TLS counts as http
	// then, whatever a proxy says: if a header could make it https, it would replace the certificate.
	TLSProves bool
	// Doubt is called for a request whose proxy's headers cannot be understood or are not trusted. It may be nil.
	Doubt func(*http.Request, Doubt)
}

// Doubt is a proxy's header that does not have the effect that the owner of the proxy may expect, and why.
type Doubt struct {
	Kind   DoubtKind
	Header string // its name
	Value  string // as it came, but shortened
}

// DoubtKind is one reason to doubt.
type DoubtKind string

const (
	ClientUnread    DoubtKind = "client unread"    // the client's address is no address, so the proxy counts as the client
	SchemeUnread    DoubtKind = "scheme unread"    // neither https nor http
	SchemeListed    DoubtKind = "scheme listed"    // several words, of which the last says http and an earlier one https
	SchemeUntrusted DoubtKind = "scheme untrusted" // https, from a peer that is not trusted, on a connection without TLS
	SchemeUnproven  DoubtKind = "scheme unproven"  // https, on a connection without TLS, where client certificates are required
)

// maxLogged is how many bytes of a client's header the log repeats.
const maxLogged = 200

const protoHeader = "X-Forwarded-Proto"

// wasForwarded marks a request in which a peer that is not trusted sent headers of proxies. It may be a proxy or tunnel that
// the settings do not name.
const wasForwarded = "middleware.wasForwarded"

// Forwarded removes the headers in which proxies describe the client from every request that does not come from a trusted
// proxy, so that other middleware and handlers read those of trusted proxies only. It sets c.Request.URL.Scheme to how the
// visitor reached the site: "https", "http", or "" if only the proxy can know and did not say. It has to be the first
// middleware.
func Forwarded(f Forwarding) gin.HandlerFunc {
	if f.ClientHeader == "" {
		f.ClientHeader = "X-Forwarded-For"
	}
	if f.Doubt == nil {
		f.Doubt = func(*http.Request, Doubt) {}
	}
	return func(c *gin.Context) {
		r := c.Request
		if isTrusted(f.Trusted, r.RemoteAddr) {
			if !plainAddresses(r.Header, f.ClientHeader, f.Trusted) {
				f.doubt(r, ClientUnread, f.ClientHeader, r.Header[f.ClientHeader])
			}
			r.URL.Scheme = f.scheme(r)
			return
		}
		claimed := r.Header[protoHeader]
		if removeClaims(r.Header) {
			c.Set(wasForwarded, true)
		}
		r.URL.Scheme = f.connection(r)
		if r.URL.Scheme != "https" && claimed != nil && schemeOf(lastWord(claimed)) == "https" {
			f.doubt(r, SchemeUntrusted, protoHeader, claimed)
		}
	}
}

func (f *Forwarding) doubt(r *http.Request, kind DoubtKind, header string, values []string) {
	f.Doubt(r, Doubt{kind, header, shortened(strings.Join(values, ", "), maxLogged)})
}

func isTrusted(trusted []netip.Prefix, remote string) bool {
	if len(trusted) == 0 {
		return false
	}
	peer, err := netip.ParseAddrPort(remote)
	return err == nil && contains(trusted, peer.Addr().Unmap().WithZone(""))
}

// connection is the scheme that the connection itself shows, or "".
func (f *Forwarding) connection(r *http.Request) string {
	switch {
	case r.TLS != nil:
		return "https"
	case f.TLSEnds, f.TLSProves:
		return "http"
	}
	return ""
}

// scheme is the scheme of a request from a trusted proxy.
func (f *Forwarding) scheme(r *http.Request) string {
	values := r.Header[protoHeader]
	if len(values) == 0 {
		return f.connection(r)
	}
	said := schemeOf(lastWord(values))
	switch {
	case f.TLSProves && r.TLS == nil:
		if said == "https" {
			f.doubt(r, SchemeUnproven, protoHeader, values)
		}
		return "http"
	case said == "":
		f.doubt(r, SchemeUnread, protoHeader, values)
		return f.connection(r)
	case said == "http" && slices.ContainsFunc(values, saysHTTPS):
		f.doubt(r, SchemeListed, protoHeader, values)
	}
	return said
}

// lastWord returns the last word of a list that is not empty. The nearest proxy wrote it, while the client can have invented the
// words before it.
func lastWord(values []string) string {
	for _, list := range slices.Backward(values) {
		list = strings.TrimRight(list, ", \t")
		if word := strings.TrimSpace(list[strings.LastIndexByte(list, ',')+1:]); word != "" {
			return word
		}
	}
	return ""
}

func saysHTTPS(list string) bool {
	for word := range strings.SplitSeq(list, ",") {
		if schemeOf(strings.TrimSpace(word)) == "https" {
			return true
		}
	}
	return false
}

// schemeOf is "https", "http" or "" for one word. For WebSockets Traefik and others send wss and ws, which have the ports and
// the TLS of https and http (RFC 6455 §3).
func schemeOf(word string) string {
	switch {
	case strings.EqualFold(word, "https"), strings.EqualFold(word, "wss"):
		return "https"
	case strings.EqualFold(word, "http"), strings.EqualFold(word, "ws"):
		return "http"
	}
	return ""
}
