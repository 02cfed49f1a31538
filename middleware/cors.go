package middleware

import (
	"net/http"

	"github.com/gin-gonic/gin"
)

// CORS lets scripts of other sites read the answers of this one, with the visitor's cookies (Fetch standard, §3.2).
// The origins are exact, as browsers write them: "https://app.example.com". Without any, nothing is sent, and other
// sites' scripts read nothing. It goes before SameOrigin, which takes the same list, and before routing has to know
// the preflight's OPTIONS.
//
// CORS calls refused for each preflight from another origin that no route answers either. What refused returns becomes the
// text of the router's 404 or 405. The answer stays as it is if refused is nil or returns "".
func CORS(origins []string, refused func(r *http.Request, origin string) string) gin.HandlerFunc {
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
		r, header := c.Request, c.Writer.Header()
		preflight := r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != ""
		if len(allowed) == 0 && !preflight {
			return
		}
		if len(allowed) > 0 {
			header["Vary"] = vary
		}
		origin, ok := allowed[r.Header.Get("Origin")]
		if !ok {
			if preflight && refused != nil {
				explainPreflight(c, refused)
			}
			return
		}
		header["Access-Control-Allow-Origin"] = origin
		header["Access-Control-Allow-Credentials"] = yes
		// A page elsewhere may use what it may read.
		header["Cross-Origin-Resource-Policy"] = []string{"cross-origin"}
		if !preflight {
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

// explainPreflight lets a route answer first, since it may have a policy of its own, and asks refused if there is none.
func explainPreflight(c *gin.Context, refused func(*http.Request, string) string) {
	c.Next()
	last := c.Errors.Last()
	if last == nil || last.Err != errMethod && last.Err != errNotFound {
		return
	}
	origin := c.Request.Header.Get("Origin")
	if origin == "" {
		return
	}
	if text := refused(c.Request, shortened(origin, maxLogged)); text != "" {
		status, _ := last.Err.(*statusError).Answer()
		last.Err = &statusError{status, text}
	}
}
