package middleware

import (
	"net/http"

	"github.com/gin-gonic/gin"
)

// SameOrigin refuses requests that another site makes a browser send with the visitor's cookies (cross-site request
// forgery): http.CrossOriginProtection, which goes by Sec-Fetch-Site and Origin and needs no token. GET and HEAD must
// therefore change nothing.
func SameOrigin() gin.HandlerFunc {
	protection := http.NewCrossOriginProtection()
	return func(c *gin.Context) {
		if err := protection.Check(c.Request); err != nil {
			c.Error(&statusError{http.StatusForbidden, err.Error()})
			c.Abort()
		}
	}
}
