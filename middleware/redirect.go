package middleware

import (
	"net/http"
	"slices"
	"strconv"

	"github.com/gin-gonic/gin"

	"example.com/turnkey/middleware/host"
)

// RedirectToHTTPS redirects every plain request to the same host, path and query over HTTPS, except to the probes. A
// request of an unknown scheme is not redirected: behind a proxy that sends no X-Forwarded-Proto the redirects would
// never end.
//
// The status is 308. In development it is 307: browsers keep a permanent redirect of http://localhost for ever, and
// would send the next project there too. Both keep method and body.
func RedirectToHTTPS(o Options) gin.HandlerFunc {
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

func (o *Options) httpsURL(r *http.Request) string {
	name, port := host.Split(r.Host)
	if port == "" {
		port = "80"
	}
	tlsPort := ""
	if o.TLSPort != 0 && o.TLSPort != 443 && port == strconv.Itoa(o.PlainPort) {
		tlsPort = strconv.Itoa(o.TLSPort)
	}
	return host.HTTPS(name, tlsPort, r.URL)
}
