package kit

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"example.com/turnkey/middleware"
)

// Healthz answers that the process is alive. Pages of other origins may load the answer, which holds no secret: the
// page of make phone asks here whether the phone trusts the certificate.
func Healthz(c *gin.Context) {
	c.Header("Cross-Origin-Resource-Policy", "cross-origin")
	c.JSON(http.StatusOK, gin.H{"status": "alive"})
}

// Readyz returns a handler that answers whether a load balancer should send visitors here: 200, or 503 while ready
// returns an error, as it does without a usable certificate and once the server is stopping. Only requests from this
// machine are told the reason.
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
