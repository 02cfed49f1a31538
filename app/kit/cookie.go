package kit

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
)

// hostPrefix makes browsers refuse a cookie that has a Domain, another Path than /, or no Secure (RFC 6265bis
// §4.1.3.2). So neither a subdomain nor a plain http response can set one.
const hostPrefix = "__Host-"

// maxCookie is how many bytes of name and value browsers keep (RFC 6265bis §5.7). A longer cookie is dropped in
// silence.
const maxCookie = 4096

// SetCookie sets a cookie for this host alone. Scripts cannot read it (HttpOnly). Browsers send it over https only
// (Secure), and with a request that another site starts only if the visitor follows a link (SameSite=Lax).
//
// The value may be any text. What a cookie cannot hold, such as quotes, spaces and letters outside ASCII, is written as
// %22, and Cookie reads it back. SetCookie returns an error, and sets nothing, if the name is no token of HTTP or if
// browsers would not keep the cookie: name and value may have 4096 bytes as they are written.
//
// With maxAge 0 the browser keeps it until it is closed. Less than 0 removes it. More than 0 is cut to whole seconds,
// at least one.
func SetCookie(c *gin.Context, name, value string, maxAge time.Duration) error {
	cookie := &http.Cookie{
		Name: hostPrefix + name, Value: escapeCookie(value), Path: "/",
		Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	}
	switch {
	case maxAge < 0:
		cookie.MaxAge = -1
	case maxAge > 0:
		cookie.MaxAge = max(1, int(maxAge/time.Second))
	}
	if err := cookie.Valid(); err != nil || name == "" {
		return fmt.Errorf("the cookie %q cannot be set: its name has to be letters, digits, - or _", name)
	}
	if n := len(cookie.Name) + len(cookie.Value); n > maxCookie {
		return fmt.Errorf("the cookie %q cannot be set: it has %d bytes, and browsers keep %d: keep the value on the server",
			name, n, maxCookie)
	}
	http.SetCookie(c.Writer, cookie)
	return nil
}

// Cookie returns the value of a cookie that SetCookie set, or "" if there is none. The visitor can change it: trust it
// no more than any other input.
func Cookie(c *gin.Context, name string) string {
	cookie, err := c.Request.Cookie(hostPrefix + name)
	if err != nil {
		return ""
	}
	value, err := url.PathUnescape(cookie.Value)
	if err != nil {
		return cookie.Value // not one of SetCookie
	}
	return value
}

// escapeCookie writes % and every byte that is no cookie-octet (RFC 6265 §4.1.1) as %XX.
func escapeCookie(value string) string {
	var b strings.Builder
	for i := range len(value) {
		if ch := value[i]; ch <= ' ' || ch >= 0x7f || strings.IndexByte("\",;\\%", ch) >= 0 {
			fmt.Fprintf(&b, "%%%02X", ch)
		} else {
			b.WriteByte(ch)
		}
	}
	return b.String()
}
