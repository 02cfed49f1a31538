package middleware

import (
	"net/http"
	"net/netip"
	"strings"

	"github.com/gin-gonic/gin"
)

// forwardedHeaders are the ones in which proxies tell of the client.
var forwardedHeaders = []string{
	"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Port", "X-Forwarded-Proto", "X-Forwarded-Prefix",
	"X-Real-Ip", "Cf-Connecting-Ip", "True-Client-Ip", "X-Client-Ip",
}

// wasForwarded marks a request with such a header from whom nobody trusts: perhaps a proxy or a tunnel that nobody told of.
const wasForwarded = "middleware.wasForwarded"

// Forwarded removes the headers in which proxies tell of a client from every request that does not come from a
// trusted one, and sets c.Request.URL.Scheme to how the visitor reached the site: "https", "http", or "" when only a
// proxy could know and did not say. Whatever reads them later, here or in a handler, reads the proxy's words and
// nobody else's. It goes first, and the engine's own SetTrustedProxies takes the same list. tlsEnds says that TLS
// ends here, so that a connection without it is plain for certain.
func Forwarded(trusted []netip.Prefix, tlsEnds bool) gin.HandlerFunc {
	return func(c *gin.Context) {
		r := c.Request
		if !isTrusted(trusted, r.RemoteAddr) {
			for _, name := range forwardedHeaders {
				if r.Header[name] != nil {
					delete(r.Header, name)
					c.Set(wasForwarded, true)
				}
			}
		}
		r.URL.Scheme = scheme(r, tlsEnds)
	}
}

func isTrusted(trusted []netip.Prefix, remote string) bool {
	if len(trusted) == 0 {
		return false
	}
	peer, err := netip.ParseAddrPort(remote)
	if err != nil {
		return false
	}
	addr := peer.Addr().Unmap()
	for _, p := range trusted {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}

// scheme believes X-Forwarded-Proto, so it is right only after the headers of strangers are gone.
func scheme(r *http.Request, tlsEnds bool) string {
	if values := r.Header["X-Forwarded-Proto"]; len(values) > 0 {
		// The last word is the nearest proxy's; those before it may be the client's invention.
		last := values[len(values)-1]
		if i := strings.LastIndexByte(last, ','); i >= 0 {
			last = last[i+1:]
		}
		switch last = strings.TrimSpace(last); {
		case strings.EqualFold(last, "https"):
			return "https"
		case strings.EqualFold(last, "http"):
			return "http"
		}
	}
	switch {
	case r.TLS != nil:
		return "https"
	case tlsEnds:
		return "http"
	}
	return ""
}
