package input

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"example.com/turnkey/middleware/loglimit"
)

// valueError returns the text for a value that cannot be parsed, or "" for any other error. If the value is not
// marked as the client's, it has to be one that the client sent.
func valueError(c *gin.Context, err error, marked bool) string {
	if e, ok := errors.AsType[*strconv.NumError](err); ok && (marked || sent(c, e.Num)) {
		return fmt.Sprintf("%s is not a number", quote(e.Num))
	}
	if e, ok := errors.AsType[*time.ParseError](err); ok && (marked || sent(c, e.Value)) {
		return fmt.Sprintf("%s is not a time in the expected format", quote(e.Value))
	}
	if e, ok := errors.AsType[*net.ParseError](err); ok && (marked || sent(c, e.Text)) {
		return fmt.Sprintf("%s is not a valid %s", quote(e.Text), e.Type)
	}
	if text := err.Error(); strings.HasPrefix(text, "time: ") { // time.ParseDuration's errors have no type
		_, quoted, _ := strings.Cut(text, "duration ")
		if value, e := strconv.Unquote(quoted); e == nil && (marked || sent(c, value)) {
			return fmt.Sprintf("%s is not a duration", quote(value))
		}
	}
	return ""
}

// quote quotes the beginning of a client's text for the response.
func quote(text string) string {
	return strconv.Quote(loglimit.Shorten(text, loglimit.MaxQuoted))
}

// sent reports whether the client sent text in the path, the query, a form, a header, a cookie or the kept part of
// the body. An empty text counts as sent: the client left the value out. A text that the client did not send is the
// server's own, such as one from a database. Then the error is not the client's fault, and the response must not
// repeat the text.
func sent(c *gin.Context, text string) bool {
	values := []string{""}
	for _, p := range c.Params {
		values = append(values, p.Value)
	}
	for _, cookie := range c.Request.Cookies() {
		values = append(values, cookie.Value)
	}
	for _, fields := range []map[string][]string{c.Request.URL.Query(), c.Request.Form, c.Request.Header} {
		for _, list := range fields {
			values = append(values, list...)
		}
	}
	return slices.ContainsFunc(values, func(v string) bool { return contains(v, text) }) || bodyOf(c).holds(text)
}

// contains reports whether value is text, or a list in one of gin's collection_formats that contains it. gin trims
// space.
func contains(value, text string) bool {
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
