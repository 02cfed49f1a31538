package middleware

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
)

// maxQuoted is how many bytes of a client's text an answer repeats.
const maxQuoted = 40

// valueError returns the text for a value that cannot be parsed, or "" for any other error. If the value is not marked as the
// client's, it has to be one that the client sent.
func valueError(c *gin.Context, err error, marked bool) string {
	if e, ok := errors.AsType[*strconv.NumError](err); ok && (marked || sent(c, e.Num)) {
		return fmt.Sprintf("%q is not a number", shortened(e.Num, maxQuoted))
	}
	if e, ok := errors.AsType[*time.ParseError](err); ok && (marked || sent(c, e.Value)) {
		return fmt.Sprintf("%q is not a time in the format that is expected", shortened(e.Value, maxQuoted))
	}
	if e, ok := errors.AsType[*net.ParseError](err); ok && (marked || sent(c, e.Text)) {
		return fmt.Sprintf("%q is not a valid %s", shortened(e.Text, maxQuoted), e.Type)
	}
	if text := err.Error(); strings.HasPrefix(text, "time: ") { // time.ParseDuration's errors have no type
		_, quoted, _ := strings.Cut(text, "duration ")
		if value, e := strconv.Unquote(quoted); e == nil && (marked || sent(c, value)) {
			return fmt.Sprintf("%q is not a duration", shortened(value, maxQuoted))
		}
	}
	return ""
}

// sent reports whether the client sent text in the path, the query, a form, a header, a cookie or the kept part of the body.
// An empty text counts as sent: the client left the value out. A text that the client did not send may come from inside, such
// as from a database. Then the error is not the client's fault, and the answer must not repeat the text.
func sent(c *gin.Context, text string) bool {
	said := []string{""}
	for _, p := range c.Params {
		said = append(said, p.Value)
	}
	for _, cookie := range c.Request.Cookies() {
		said = append(said, cookie.Value)
	}
	for _, values := range []map[string][]string{c.Request.URL.Query(), c.Request.Form, c.Request.Header} {
		for _, list := range values {
			said = append(said, list...)
		}
	}
	return slices.ContainsFunc(said, func(v string) bool { return writes(v, text) }) || inputBodyOf(c).holds(text)
}

// writes reports whether value is text, or a list in one of gin's collection_formats that contains it. gin trims space.
func writes(value, text string) bool {
	if value == text || strings.TrimSpace(value) == text {
		return true
	}
	for _, mark := range []string{",", " ", "\t", "|"} {
		for part := range strings.SplitSeq(value, mark) {
			if part == text || text != "" && strings.TrimSpace(part) == text {
				return true
			}
		}
	}
	return false
}
