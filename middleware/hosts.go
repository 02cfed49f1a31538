package middleware

import (
	"cmp"
	"net/http"
	"slices"

	"github.com/gin-gonic/gin"

	"example.com/turnkey/middleware/host"
)

var errHost = &statusError{http.StatusMisdirectedRequest, "This server does not answer for that host"}

// hosts answers 421 Misdirected Request (RFC 9110 §15.5.20) to every Host that is not in the set. The paths in except
// are answered under any host, since load balancers ask for them by address. explain returns the text of the response
// for a host. If explain is nil or returns "", the text is a general one.
func hosts(set *host.Set, except []string, explain func(host string) string) gin.HandlerFunc {
	return func(c *gin.Context) {
		if set.Allows(c.Request.Host) || slices.Contains(except, c.Request.URL.Path) {
			return
		}
		err := errHost
		if explain != nil {
			if name, _ := host.Split(c.Request.Host); name != "" {
				err = &statusError{errHost.status, cmp.Or(explain(name), errHost.text)}
			}
		}
		c.Error(err)
		c.Abort()
	}
}
