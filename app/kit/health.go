package kit

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"example.com/turnkey/middleware"
)

// Healthz says that the process is alive. There is nothing in it to keep from other origins: that of make phone asks
// here whether the certificate is trusted.
func Healthz(c *gin.Context) {
	c.Header("Cross-Origin-Resource-Policy", "cross-origin")
	c.JSON(http.StatusOK, gin.H{"status": "alive"})
}

// Readyz says whether a load balancer should send visitors: 503 without a usable certificate, and once the server
// is stopping. Why, it says to this machine alone.
func Readyz(ready func() error) gin.HandlerFunc {
	return func(c *gin.Context) {
		if err := ready(); err != nil {
			answer := gin.H{"status": "not ready"}
			if middleware.IsOwnMachine(c) {
				answer["reason"] = err.Error()
			}
			c.JSON(http.StatusServiceUnavailable, answer)
			return
		}
		c.JSON(http.StatusOK, gin.H{"status": "ready"})
	}
}
