package middleware

import (
	"fmt"
	"net/http"

	"github.com/gin-gonic/gin"
)

// sameOrigin refuses requests that another site makes a browser send with the visitor's cookies (cross-site request
// forgery). It uses http.CrossOriginProtection, which goes by Sec-Fetch-Site and Origin and needs no token. It lets
// GET and HEAD through, so their handlers must change nothing. Requests from the trusted origins are let through.
// Each is exact, such as "https://app.example.com". sameOrigin panics, at the start, if one is not an origin.
func sameOrigin(trusted []string) gin.HandlerFunc {
	protection := http.NewCrossOriginProtection()
	for _, origin := range trusted {
		if err := protection.AddTrustedOrigin(origin); err != nil {
			panic(fmt.Errorf("middleware.Options.Origins: %w", err))
		}
	}
	return func(c *gin.Context) {
		if err := protection.Check(c.Request); err != nil {
			c.Error(fmt.Errorf("%w (%v)", &statusError{http.StatusForbidden, "A page of another site sent this"}, err))
			c.Abort()
		}
	}
}
