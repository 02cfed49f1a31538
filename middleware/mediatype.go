package middleware

import (
	"fmt"
	"mime"
	"net/http"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"
	"github.com/gin-gonic/gin/binding"
)

// MediaTypes answers 415 to bodies for which c.ShouldBind and c.Bind would choose a parser other than those for JSON and
// forms, before a byte is read. gin lets the client choose the parser by its Content-Type, and its YAML parser can allocate
// gigabytes for 245 bytes of nested aliases. more has the further types that routes take, by their pattern.
//
// Types for which gin has no parser (image/png, text/plain) reach the handler, which reads the body itself. A Content-Type
// that cannot be parsed, or that is sent twice, is refused too. A request without a body needs no type (RFC 9110 §8.3), but
// some clients send one with every GET: there MediaTypes removes a type that it would refuse.
func MediaTypes(more map[string][]string) gin.HandlerFunc {
	return func(c *gin.Context) {
		r := c.Request
		sent := r.Header["Content-Type"]
		if len(sent) == 0 || len(sent) == 1 && takesType(sent[0], more[c.FullPath()]) {
			return
		}
		if r.ContentLength == 0 { // -1 where the length is not known
			r.Header.Del("Content-Type")
			return
		}
		value := shortened(strings.ToValidUTF8(strings.Join(sent, ", "), "\uFFFD"), maxQuoted)
		c.Error(fmt.Errorf("a route that takes another type of body says so in handlers.BodyTypes, by its pattern: %w",
			&statusError{http.StatusUnsupportedMediaType, fmt.Sprintf("A body of the type %q is not taken here", value)}))
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
	return !hasOtherParser(media) && !hasOtherParser(cut) && !hasOtherParser(strings.ToLower(cut)) ||
		slices.ContainsFunc(more, func(m string) bool { return strings.EqualFold(m, media) })
}

// hasOtherParser reports whether gin has a parser for media that is neither JSON's nor a form's. It asks gin's own switch.
func hasOtherParser(media string) bool {
	switch binding.Default(http.MethodPost, media) {
	case binding.JSON, binding.Form, binding.FormMultipart:
		return false
	}
	return true
}

// ginCut is what c.ContentType makes of the header.
func ginCut(header string) string {
	if end := strings.IndexAny(header, " ;"); end >= 0 {
		return header[:end]
	}
	return header
}
