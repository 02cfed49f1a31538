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
	// ClientHeader is where they name the client, in its canonical form; the only one in the engine's RemoteIPHeaders.
	// Empty: X-Forwarded-For.
	ClientHeader string
	// TLSEnds says that TLS ends here, so that a connection without it is plain for certain.
	TLSEnds bool
	// TLSProves says that a client proves who it is in the handshake. A request that came without TLS is plain then,
	// whatever a proxy says: the proxy's word would walk round the proof.
	TLSProves bool
	// Doubt is told of a request whose proxy cannot be understood, or not believed. Nil: nothing is told.
	Doubt func(*http.Request, Doubt)
}

// Doubt is why the words of a proxy lead to something else than its owner may expect.
type Doubt struct {
	Kind   DoubtKind
	Header string // its name, with Value as it came, shortened
	Value  string
}

// DoubtKind is one reason to doubt.
type DoubtKind int

const (
	ClientUnread    DoubtKind = iota // the client's address is no address; the proxy is taken for the client
	SchemeUnread                     // neither https nor http
	SchemeListed                     // several words, the last of which says http and an earlier one https
	SchemeUntrusted                  // https, from a peer that is not trusted, on a connection without TLS
	SchemeUnproven                   // https, without TLS from the proxy to here, where client certificates are required
)

const protoHeader = "X-Forwarded-Proto"

// wasForwarded marks a request with claims of a peer that is not trusted: perhaps of a proxy or tunnel that the
// settings do not name.
const wasForwarded = "middleware.wasForwarded"

// Forwarded removes the headers in which proxies tell of a client from every request that does not come from a
// trusted one, and sets c.Request.URL.Scheme to how the visitor reached the site: "https", "http", or "" when only a
// proxy could know and did not say. Whatever reads them later, here or in a handler, reads a trusted proxy's words.
// It goes first.
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
	f.Doubt(r, Doubt{kind, header, bounded(strings.Join(values, ", "))})
}

func isTrusted(trusted []netip.Prefix, remote string) bool {
	if len(trusted) == 0 {
		return false
	}
	peer, err := netip.ParseAddrPort(remote)
	return err == nil && contains(trusted, peer.Addr().Unmap().WithZone(""))
}

// connection is the scheme as far as the connection itself tells.
func (f *Forwarding) connection(r *http.Request) string {
	switch {
	case r.TLS != nil:
		return "https"
	case f.TLSEnds, f.TLSProves:
		return "http"
	}
	return ""
}

// scheme is that of a request from a trusted proxy.
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

// lastWord is the nearest proxy's; those before it may be the client's invention. Empty elements are no words.
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

// schemeOf reads one word. Traefik and others name a WebSocket's own scheme, whose port and TLS are the same
// (RFC 6455 §3).
func schemeOf(word string) string {
	switch {
	case strings.EqualFold(word, "https"), strings.EqualFold(word, "wss"):
		return "https"
	case strings.EqualFold(word, "http"), strings.EqualFold(word, "ws"):
		return "http"
	}
	return ""
}
