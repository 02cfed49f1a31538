package handlers

import (
	"net/http"

	"github.com/gin-gonic/gin"
)

// Healthz says that the process is alive. There is nothing in it to keep from other origins: that of make phone asks
// here whether the certificate is trusted.
func Healthz(c *gin.Context) {
	c.Header("Cross-Origin-Resource-Policy", "cross-origin")
	c.JSON(http.StatusOK, gin.H{"status": "alive"})
}

// Readyz says whether a load balancer should send visitors: 503 without a usable certificate, and once the server
// is stopping.
func Readyz(ready func() error) gin.HandlerFunc {
	return func(c *gin.Context) {
		if err := ready(); err != nil {
			c.JSON(http.StatusServiceUnavailable, gin.H{"status": "not ready", "reason": err.Error()})
			return
		}
		c.JSON(http.StatusOK, gin.H{"status": "ready"})
	}
}
