package handlers

import (
	"net/http"
	"net/url"
	"strings"
	"unicode"

	"github.com/gin-gonic/gin"
)

// signInPath leads to the form, and from there back to the page that the visitor wanted. If the visitor sent a form,
// that is lost.
func signInPath(c *gin.Context) string {
	if c.Request.Method != http.MethodGet {
		return "/sign-in"
	}
	return "/sign-in?" + url.Values{"next": {c.Request.URL.RequestURI()}}.Encode()
}

// wanted returns the page of signInPath, or "".
func wanted(c *gin.Context) string {
	if next := c.Request.FormValue("next"); isLocal(next) {
		return next
	}
	return ""
}

// isLocal reports whether an address is a page of this site. An attacker may have made the link, so it must not lead to
// another site: browsers read // as the beginning of a host and \ as /, and ignore line ends.
func isLocal(address string) bool {
	path, _, _ := strings.Cut(address, "?")
	return strings.HasPrefix(path, "/") && !strings.Contains(path, "//") && len(address) <= 2000 &&
		!strings.ContainsFunc(address, func(r rune) bool { return r == '\\' || unicode.IsControl(r) })
}
