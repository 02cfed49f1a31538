package middleware

import (
	"cmp"
	"net"
	"net/http"
	"slices"
	"strconv"

	"github.com/gin-gonic/gin"

	"example.com/turnkey/middleware/host"
)

// redirectToHTTPS redirects every plain request to the same host, path and query over HTTPS, except to the probes. A
// request of an unknown scheme is not redirected: behind a proxy that sends no X-Forwarded-Proto the redirects would
// never end.
//
// The status is 308. In development it is 307: browsers keep a permanent redirect of http://localhost for ever, and
// would send the next project there too. Both keep method and body.
func redirectToHTTPS(o Options) gin.HandlerFunc {
	return func(c *gin.Context) {
		scheme := c.Request.URL.Scheme
		if scheme == "https" || slices.Contains(o.Probes, c.Request.URL.Path) {
			return
		}
		if scheme == "" {
			if o.OnUnknownScheme != nil {
				o.OnUnknownScheme(c.Request)
			}
			return
		}
		c.Header("Location", o.httpsURL(c.Request))
		if o.Development {
			c.Header("Cache-Control", "no-store")
			c.AbortWithStatus(http.StatusTemporaryRedirect)
			return
		}
		c.AbortWithStatus(http.StatusPermanentRedirect)
	}
}

// httpsURL returns the address of a request over HTTPS. Plain HTTP that came to the TLS port stays on the client's port.
func (o *Options) httpsURL(r *http.Request) string {
	name, port := host.Split(r.Host)
	tlsPort := ""
	if own := strconv.Itoa(o.TLSPort); o.TLSPort != 0 && localPort(r) == o.TLSPort {
		tlsPort = cmp.Or(port, own)
	} else if o.TLSPort != 0 && cmp.Or(port, "80") == strconv.Itoa(o.PlainPort) {
		tlsPort = own
	}
	if tlsPort == "443" {
		tlsPort = ""
	}
	return host.HTTPS(name, tlsPort, r.URL)
}

// localPort returns the number of the port that a request came to, or 0 if it did not come over TCP.
func localPort(r *http.Request) int {
	if addr, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr); ok {
		return addr.Port
	}
	return 0
}
