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

// valueError has words for one value that cannot be read. Unless it is known to be the client's, the client has to have
// written it.
func valueError(c *gin.Context, err error, marked bool) string {
	if e, ok := errors.AsType[*strconv.NumError](err); ok && (marked || sent(c, e.Num)) {
		return fmt.Sprintf("%q is not a number", short(e.Num))
	}
	if e, ok := errors.AsType[*time.ParseError](err); ok && (marked || sent(c, e.Value)) {
		return fmt.Sprintf("%q is not a time as it is written here", short(e.Value))
	}
	if e, ok := errors.AsType[*net.ParseError](err); ok && (marked || sent(c, e.Text)) {
		return fmt.Sprintf("%q is not as it should be", short(e.Text))
	}
	if text := err.Error(); strings.HasPrefix(text, "time: ") { // time.ParseDuration's errors have no type
		_, quoted, _ := strings.Cut(text, "duration ")
		if value, e := strconv.Unquote(quoted); e == nil && (marked || sent(c, value)) {
			return fmt.Sprintf("%q is not a duration", short(value))
		}
	}
	return ""
}

// sent says whether the client wrote text, or left it out, where handlers parse numbers and times from. What it did not
// write may be of the inside, such as a value in a database: no fault of the client's, and none of its business.
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

// writes reports whether value is text, or a list of gin's collection_format that has it. gin trims space.
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
