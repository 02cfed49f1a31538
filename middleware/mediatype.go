package middleware

import (
	"fmt"
	"mime"
	"net/http"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"example.com/turnkey/middleware/input"
	"example.com/turnkey/middleware/loglimit"
)

// mediaTypes answers 415 to bodies for which c.ShouldBind and c.Bind would choose a parser other than those for JSON
// and forms, before a byte is read. gin lets the client choose the parser by its Content-Type, and its YAML parser
// can allocate gigabytes for 245 bytes of nested aliases. routes has the further types that single routes take, by
// their pattern.
//
// Types for which gin has no parser (image/png, text/plain) reach the handler, which reads the body itself. A
// Content-Type that cannot be parsed, or that is sent twice, is refused too. A request without a body needs no type
// (RFC 9110 §8.3), but some clients send one with every GET: there mediaTypes removes a type that it would refuse.
func mediaTypes(routes map[string][]string) gin.HandlerFunc {
	return func(c *gin.Context) {
		r := c.Request
		sent := r.Header["Content-Type"]
		if len(sent) == 0 || len(sent) == 1 && takesType(sent[0], routes[c.FullPath()]) {
			return
		}
		if r.ContentLength == 0 { // it is -1 if the length is not known
			r.Header.Del("Content-Type")
			return
		}
		value := loglimit.Shorten(strings.ToValidUTF8(strings.Join(sent, ", "), "\uFFFD"), loglimit.MaxQuoted)
		text := fmt.Sprintf("A body of the type %q is not accepted here", value)
		c.Error(fmt.Errorf("to take this type of body, add it to BodyTypes in handlers/site.go, "+
			"by the route's pattern: %w", &statusError{http.StatusUnsupportedMediaType, text}))
		c.Abort()
	}
}

// takesType reports whether a body with that Content-Type reaches the handler.
func takesType(header string, more []string) bool {
	if header == "" {
		return true
	}
	media, _, err := mime.ParseMediaType(header)
	if err != nil || !strings.Contains(media, "/") {
		return false
	}
	// gin compares what ginCut returns, with its case. The other two spellings are checked too, in case a later version
	// compares those.
	cut := ginCut(header)
	return !input.HasOtherParser(media) && !input.HasOtherParser(cut) && !input.HasOtherParser(strings.ToLower(cut)) ||
		slices.ContainsFunc(more, func(m string) bool { return strings.EqualFold(m, media) })
}

// ginCut returns what c.ContentType makes of the header.
func ginCut(header string) string {
	if end := strings.IndexAny(header, " ;"); end >= 0 {
		return header[:end]
	}
	return header
}
