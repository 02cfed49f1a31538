package kit

import (
	"net/http"
	"time"

	"github.com/gin-gonic/gin"
)

// hostPrefix makes browsers refuse a cookie that is not for this very host, over TLS and for every path (RFC 6265bis
// §4.1.3.2), so that no subdomain and no plain connection can plant one.
const hostPrefix = "__Host-"

// SetCookie gives the browser a cookie for this host alone, unreadable to scripts, sent over https only, and not with
// requests that other sites start, but for links. maxAge 0 keeps it until the browser is closed, less than 0 removes
// it. Cookie reads it.
func SetCookie(c *gin.Context, name, value string, maxAge time.Duration) {
	cookie := &http.Cookie{Name: hostPrefix + name, Value: value, Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode}
	switch {
	case maxAge < 0:
		cookie.MaxAge = -1
	case maxAge > 0:
		cookie.MaxAge = max(1, int(maxAge/time.Second))
	}
	http.SetCookie(c.Writer, cookie)
}

// Cookie is the value of a cookie that SetCookie gave; empty if there is none. A visitor can change it: believe it
// no more than any other input.
func Cookie(c *gin.Context, name string) string {
	cookie, err := c.Request.Cookie(hostPrefix + name)
	if err != nil {
		return ""
	}
	return cookie.Value
}
