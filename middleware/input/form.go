package input

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"
)

// formError returns the status and the text for a form or query that cannot be parsed, or that has other files or
// lists than the handler takes. It returns 0 for any other error.
func formError(c *gin.Context, err error, marked bool) (status int, detail string) {
	media, _, _ := mime.ParseMediaType(c.Request.Header.Get("Content-Type"))
	isMultipart := media == "multipart/form-data"
	switch {
	case errors.Is(err, http.ErrMissingFile):
		return http.StatusBadRequest, "A file is missing" + otherFiles(c.Request)
	case errors.Is(err, multipart.ErrMessageTooLarge), err.Error() == "http: POST too large":
		return http.StatusRequestEntityTooLarge, "The form is too large, or has more than 1000 parts"
	case errors.Is(err, http.ErrNotMultipart) && media == "application/x-www-form-urlencoded":
		return http.StatusBadRequest, `The form needs enctype="multipart/form-data"`
	case errors.Is(err, http.ErrMissingBoundary):
		return http.StatusBadRequest, "The Content-Type multipart/form-data has no boundary: the browser or library sets it"
	case errors.Is(err, http.ErrNotMultipart):
		return http.StatusUnsupportedMediaType, "The body has to be a form of the type multipart/form-data"
	case isMultipart && !hasForm(c.Request) && isCutForm(err):
		return http.StatusBadRequest, "The body is not a complete multipart form"
	case isMultipart && isFileError(err):
		return http.StatusBadRequest, "The form has a file where none is accepted, or too many files"
	case isEncodingError(err) && (marked || bodyOf(c).malformed() || malformedQuery(c.Request)):
		return http.StatusBadRequest, "The form, or the query in the address, is not encoded correctly: " + encodingRule
	case isLengthError(c, err):
		return http.StatusBadRequest, "A list has too many values, or too few"
	}
	return 0, ""
}

// otherFiles names the fields in which files did come. c.FormFile does not say which field it looked for.
func otherFiles(r *http.Request) string {
	if r.MultipartForm == nil || len(r.MultipartForm.File) == 0 {
		return ""
	}
	return fmt.Sprintf(": there is one in the field %s only", quote(slices.Sorted(maps.Keys(r.MultipartForm.File))[0]))
}

const encodingRule = "write % as %25 and ; as %3B, and send at most 10000 fields"

// isEncodingError reports whether err is net/url's for a query or form that it cannot parse. Most of these have no
// type.
func isEncodingError(err error) bool {
	text := err.Error()
	return is[url.EscapeError](err) || strings.HasSuffix(text, "invalid semicolon separator in query") ||
		strings.HasSuffix(text, "number of URL query parameters exceeded limit")
}

func malformedQuery(r *http.Request) bool {
	_, err := url.ParseQuery(r.URL.RawQuery)
	return err != nil
}

// isLengthError reports whether err is gin's for a list that the client sent and that does not fit an array. The
// error quotes the list.
func isLengthError(c *gin.Context, err error) bool {
	quoted, _, ok := strings.Cut(err.Error(), " is not valid value for [")
	_, first, isList := strings.Cut(quoted, "[")
	if !ok || !isList {
		return false
	}
	first, e := strconv.QuotedPrefix(first)
	if e != nil {
		return false
	}
	value, e := strconv.Unquote(first)
	return e == nil && sent(c, value)
}

// hasForm reports whether a multipart form has been read to its end.
func hasForm(r *http.Request) bool {
	return r.MultipartForm != nil && len(r.MultipartForm.Value)+len(r.MultipartForm.File) > 0
}

// isCutForm reports whether err is mime/multipart's for a form that is cut off or malformed.
func isCutForm(err error) bool {
	return is[textproto.ProtocolError](err) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) ||
		strings.HasPrefix(err.Error(), "multipart: ") || strings.HasPrefix(err.Error(), "quotedprintable: ")
}

// Missing makes err, which is that of c.FormFile for a file that did not come, name the field.
func Missing(c *gin.Context, field string, err error) error {
	f := newField("#/"+escapePointer(field), "missing", "", "")
	return mark(fieldsError{err, inWords(c, []FieldError{f})})
}
