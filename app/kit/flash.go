package kit

import (
	"encoding/base64"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
)

const (
	flashCookie  = "flash"
	maxFlash     = 2 << 10 // bytes of a message: browsers keep cookies of 4 KiB, and base64 makes it longer by a third
	flashTimeout = 5 * time.Minute
)

// flashKey is where a gin.Context keeps a flashState.
const flashKey = "kit.flash"

// flashState is what a request has done with messages.
type flashState struct {
	read   string
	isRead bool // Flashed has been called
	set    bool // Flash has been called
}

func flashOf(c *gin.Context) *flashState {
	if v, ok := c.Get(flashKey); ok {
		return v.(*flashState)
	}
	s := &flashState{}
	c.Set(flashKey, s)
	return s
}

// Flash keeps a message for the visitor's next page, which Flashed returns: Flash(c, "Saved"), then a redirect. The
// message is kept in a cookie of the visitor's for at most 5 minutes. A later message replaces it. One of more than
// 2 KiB is cut.
func Flash(c *gin.Context, message string) {
	if len(message) > maxFlash {
		message = strings.ToValidUTF8(message[:maxFlash-len("…")], "") + "…"
	}
	flashOf(c).set = true
	SetCookie(c, flashCookie, base64.RawURLEncoding.EncodeToString([]byte(message)), flashTimeout)
}

// Flashed returns the message of the request before, or "", and removes it. The visitor can change it, so it is text
// and never HTML. The page that shows it is not stored (Cache-Control: no-store). Further calls for the same request
// return the same.
func Flashed(c *gin.Context) string {
	s := flashOf(c)
	if s.isRead {
		return s.read
	}
	s.isRead = true
	value := Cookie(c, flashCookie)
	if value == "" {
		return ""
	}
	c.Header("Cache-Control", "no-store")
	if !s.set { // or the message for the next page would be removed
		SetCookie(c, flashCookie, "", -1)
	}
	if text, err := base64.RawURLEncoding.DecodeString(value); err == nil && len(text) <= maxFlash {
		s.read = strings.ToValidUTF8(string(text), "\uFFFD")
	}
	return s.read
}
