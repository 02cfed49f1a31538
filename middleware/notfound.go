package middleware

import (
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"
)

var (
	errNotFound = &statusError{http.StatusNotFound, "There is nothing at this address"}
	errMethod   = &statusError{http.StatusMethodNotAllowed, "This address does not accept that method"}
)

// NotFound is for the engine's NoRoute, and for handlers whose address has nothing.
func NotFound(c *gin.Context) {
	c.Error(errNotFound)
}

// MethodNotAllowed is for the engine's NoMethod. gin has set Allow. MethodNotAllowed adds HEAD, which Head answers on
// every GET route.
func MethodNotAllowed(c *gin.Context) {
	header := c.Writer.Header()
	allow := header.Get("Allow")
	if strings.Contains(allow, http.MethodGet) && !strings.Contains(allow, http.MethodHead) {
		header.Set("Allow", allow+", "+http.MethodHead)
	}
	c.Error(errMethod)
}
