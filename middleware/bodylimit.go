package middleware

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"example.com/turnkey/middleware/input"
)

const bodyLimit = 1 << 20 // bytes, except on the routes in Options.BodyLimits

// limitBody lets handlers read at most bodyLimit bytes of a request's body. routes has other limits for single routes,
// by their pattern. A request that announces more is answered 413 at once. If a request does not announce its length,
// reading beyond the limit returns an *http.MaxBytesError, which failures answers 413 too.
func limitBody(routes map[string]int64) gin.HandlerFunc {
	return func(c *gin.Context) {
		r := c.Request
		if r.ContentLength == 0 { // it has no body; over HTTP/2 it has a reader still
			return
		}
		limit, ok := routes[c.FullPath()]
		if !ok {
			limit = bodyLimit
		}
		if r.ContentLength > limit {
			c.Error(&http.MaxBytesError{Limit: limit})
			c.Abort()
			return
		}
		// MaxBytesReader is the outer one: r.ParseForm recognises it by its type, and then sets no limit of its own.
		r.Body = http.MaxBytesReader(c.Writer, input.Watch(c), limit)
	}
}
