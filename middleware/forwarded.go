package middleware

import (
	"github.com/gin-gonic/gin"

	"example.com/turnkey/middleware/proxyheader"
)

// wasForwarded marks, in the gin.Context, a request with headers of proxies from a peer that is not trusted. The peer
// may be a proxy or tunnel that the settings do not name.
const wasForwarded = "middleware.wasForwarded"

// forwarded removes the headers in which proxies describe the client from every request that does not come from a
// trusted proxy. It sets c.Request.URL.Scheme to the scheme by which the visitor reached the site: "https", "http",
// or "" if only the proxy can know and did not say.
func forwarded(policy proxyheader.Policy) gin.HandlerFunc {
	return func(c *gin.Context) {
		restorePath(c.Request) // gin has chosen the route
		if policy.Apply(c.Request) {
			c.Set(wasForwarded, true)
		}
	}
}
