package kit

import (
	"net/http"
	"time"

	"github.com/gin-gonic/gin"
)

// hostPrefix makes browsers refuse a cookie that has a Domain, another Path than /, or no Secure (RFC 6265bis
// §4.1.3.2). So neither a subdomain nor a plain http response can set one.
const hostPrefix = "__Host-"

// SetCookie sets a cookie for this host alone. Scripts cannot read it (HttpOnly). Browsers send it over https only
// (Secure), and with a request that another site starts only if the visitor follows a link (SameSite=Lax).
//
// With maxAge 0 the browser keeps it until it is closed. Less than 0 removes it. More than 0 is cut to whole seconds,
// at least one. Cookie reads it.
func SetCookie(c *gin.Context, name, value string, maxAge time.Duration) {
	cookie := &http.Cookie{
		Name: hostPrefix + name, Value: value, Path: "/",
		Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	}
	switch {
	case maxAge < 0:
		cookie.MaxAge = -1
	case maxAge > 0:
		cookie.MaxAge = max(1, int(maxAge/time.Second))
	}
	http.SetCookie(c.Writer, cookie)
}

// Cookie returns the value of a cookie that SetCookie set, or "" if there is none. The visitor can change it: trust it
// no more than any other input.
func Cookie(c *gin.Context, name string) string {
	cookie, err := c.Request.Cookie(hostPrefix + name)
	if err != nil {
		return ""
	}
	return cookie.Value
}
