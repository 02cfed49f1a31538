package middleware

import "github.com/gin-gonic/gin"

// HSTS sends Strict-Transport-Security with value (RFC 6797) on every response to a request that came over HTTPS, and
// on no other, as §7.2 demands. An empty value sends nothing.
func HSTS(value string) gin.HandlerFunc {
	shared := []string{value}
	return func(c *gin.Context) {
		if value != "" && c.Request.URL.Scheme == "https" {
			c.Writer.Header()["Strict-Transport-Security"] = shared
		}
	}
}
