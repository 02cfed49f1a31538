package middleware

import (
	"net/http"

	"github.com/gin-gonic/gin"
)

// BodyLimit lets handlers read at most n bytes of a request's body; larger gives routes, by their pattern, a limit
// of their own. A request that announces more is answered 413 at once. One that does not announce it gives whoever
// reads on an *http.MaxBytesError, which Errors turns into the same.
func BodyLimit(n int64, larger map[string]int64) gin.HandlerFunc {
	return func(c *gin.Context) {
		r := c.Request
		if r.Body == nil || r.Body == http.NoBody {
			return
		}
		limit := n
		if l, ok := larger[c.FullPath()]; ok {
			limit = l
		}
		if r.ContentLength > limit {
			c.Error(&http.MaxBytesError{Limit: limit})
			c.Abort()
			return
		}
		// MaxBytesReader goes outside: r.ParseForm recognises it by its type, and then sets no limit of its own.
		r.Body = http.MaxBytesReader(c.Writer, newInputBody(c), limit)
	}
}
