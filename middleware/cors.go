package middleware

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"example.com/turnkey/middleware/loglimit"
)

// cors lets scripts of other origins read the responses of this one, with the visitor's cookies (Fetch standard,
// §3.2). The origins are exact, as browsers write them: "https://app.example.com". Without any, no header is sent,
// and scripts of other origins can read nothing.
//
// cors answers the preflights of these origins itself, so that routes need no OPTIONS. It calls refused for each
// other preflight that no route answers. What refused returns becomes the text of the 404 or 405. That response keeps
// its text if refused is nil or returns "".
func cors(origins []string, refused func(r *http.Request, origin string) string) gin.HandlerFunc {
	allowed := make(map[string][]string, len(origins))
	for _, o := range origins {
		allowed[o] = []string{o}
	}
	var (
		yes         = []string{"true"}
		vary        = []string{"Origin, Access-Control-Request-Headers"}
		crossOrigin = []string{"cross-origin"}
		exposed     = []string{"Location, Retry-After, " + requestIDHeader}
		methods     = []string{"GET, HEAD, POST, PUT, PATCH, DELETE"}
		maxAge      = []string{"7200"} // seconds. Chromium keeps no answer for longer
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
		// What scripts of that origin may read, its pages may embed.
		header["Cross-Origin-Resource-Policy"] = crossOrigin
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

// explainPreflight lets a route answer the preflight first, since the route may allow other origins. If there is no
// such route, it asks refused for the text of the response.
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
	if text := refused(c.Request, loglimit.Shorten(origin, loglimit.MaxLogged)); text != "" {
		status, _ := last.Err.(*statusError).Answer()
		last.Err = &statusError{status, text}
	}
}
