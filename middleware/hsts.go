package middleware

import (
	"github.com/gin-gonic/gin"

	"example.com/turnkey/middleware/host"
)

// hsts sends Strict-Transport-Security with value (RFC 6797) on every response to a request that came over HTTPS, and
// on no other, as §7.2 demands. An empty value sends nothing. A request to an address gets none: browsers ignore it for
// an address (§8.1.1).
func hsts(value string) gin.HandlerFunc {
	shared := []string{value}
	return func(c *gin.Context) {
		if value == "" || c.Request.URL.Scheme != "https" {
			return
		}
		if name, _ := host.Split(c.Request.Host); !host.IsAddress(name) {
			c.Writer.Header()["Strict-Transport-Security"] = shared
		}
	}
}
