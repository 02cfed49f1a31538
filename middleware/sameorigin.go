package middleware

import (
	"fmt"
	"net/http"

	"github.com/gin-gonic/gin"
)

// SameOrigin refuses requests that another site makes a browser send with the visitor's cookies (cross-site request
// forgery): http.CrossOriginProtection, which goes by Sec-Fetch-Site and Origin and needs no token. GET and HEAD must
// therefore change nothing. The trusted origins are exact, and may send what they like. One that is not an origin
// panics, at the start.
func SameOrigin(trusted ...string) gin.HandlerFunc {
	protection := http.NewCrossOriginProtection()
	for _, origin := range trusted {
		if err := protection.AddTrustedOrigin(origin); err != nil {
			panic(fmt.Errorf("middleware.SameOrigin: %w", err))
		}
	}
	return func(c *gin.Context) {
		if err := protection.Check(c.Request); err != nil {
			c.Error(&statusError{http.StatusForbidden, err.Error()})
			c.Abort()
		}
	}
}
