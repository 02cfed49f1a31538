package middleware

import (
	"net/http"

	"github.com/gin-gonic/gin"
)

// CORS lets scripts of other sites read the answers of this one, with the visitor's cookies (Fetch standard, §3.2).
// The origins are exact, as browsers write them: "https://app.example.com". Without any, nothing is sent, and other
// sites' scripts read nothing. It goes before SameOrigin, which takes the same list, and before routing has to know
// the preflight's OPTIONS.
func CORS(origins []string) gin.HandlerFunc {
	allowed := make(map[string][]string, len(origins))
	for _, o := range origins {
		allowed[o] = []string{o}
	}
	var (
		yes     = []string{"true"}
		vary    = []string{"Origin, Access-Control-Request-Headers"}
		exposed = []string{"Location, Retry-After, " + requestIDHeader}
		methods = []string{"GET, HEAD, POST, PUT, PATCH, DELETE"}
		maxAge  = []string{"7200"} // seconds; Chromium keeps none longer
	)
	return func(c *gin.Context) {
		if len(allowed) == 0 {
			return
		}
		r, header := c.Request, c.Writer.Header()
		header["Vary"] = vary
		origin, ok := allowed[r.Header.Get("Origin")]
		if !ok {
			return
		}
		header["Access-Control-Allow-Origin"] = origin
		header["Access-Control-Allow-Credentials"] = yes
		// A page elsewhere may use what it may read.
		header["Cross-Origin-Resource-Policy"] = []string{"cross-origin"}
		if r.Method != http.MethodOptions || r.Header.Get("Access-Control-Request-Method") == "" {
			header["Access-Control-Expose-Headers"] = exposed
			return
		}
		header["Access-Control-Allow-Methods"] = methods
		if asked := r.Header["Access-Control-Request-Headers"]; len(asked) > 0 {
			header["Access-Control-Allow-Headers"] = asked
		}
		header["Access-Control-Max-Age"] = maxAge
		c.AbortWithStatus(http.StatusNoContent)
	}
}
