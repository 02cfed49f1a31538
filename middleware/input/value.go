package input

import (
	"errors"
	"net"
	"net/url"
	"reflect"
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
	value, want := refused(err)
	if want != "" && (marked || sent(c, value)) {
		return quote(value) + " is not " + want
	}
	return ""
}

// refused returns the value that a parser of the standard library refused, and what it should have been, or "".
func refused(err error) (value, want string) {
	if e, ok := errors.AsType[*strconv.NumError](err); ok {
		return e.Num, "a number"
	}
	if e, ok := errors.AsType[*time.ParseError](err); ok {
		return e.Value, "a time in the expected format"
	}
	if e, ok := errors.AsType[*net.ParseError](err); ok {
		return e.Text, "a valid " + e.Type
	}
	if e, ok := errors.AsType[*net.AddrError](err); ok {
		return e.Addr, "a valid address"
	}
	if e, ok := errors.AsType[*url.Error](err); ok && e.Op == "parse" {
		return e.URL, "a URL"
	}
	text := err.Error()
	if zone, ok := strings.CutPrefix(text, "unknown time zone "); ok {
		return zone, "a time zone"
	}
	if strings.HasPrefix(text, "time: ") { // time.ParseDuration's errors have no type
		_, quoted, _ := strings.Cut(text, "duration ")
		return firstQuoted(quoted), "a duration"
	}
	if t := reflect.TypeOf(err); t.PkgPath() == "net/netip" || strings.HasPrefix(text, "math/big: cannot unmarshal ") {
		return firstQuoted(text), "valid" // their errors have no exported type
	}
	return "", ""
}

func firstQuoted(text string) string {
	_, after, _ := strings.Cut(text, `"`)
	quoted, _ := strconv.QuotedPrefix(`"` + after)
	value, _ := strconv.Unquote(quoted)
	return value
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
