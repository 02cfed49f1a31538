package middleware

import (
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"net/url"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"
	"github.com/gin-gonic/gin/binding"
)

// formError has words for a form, or a query, that cannot be taken apart or does not fit.
func formError(c *gin.Context, err error, marked bool) (status int, detail string) {
	media, _, _ := mime.ParseMediaType(c.Request.Header.Get("Content-Type"))
	isMultipart := media == "multipart/form-data"
	switch {
	case errors.Is(err, http.ErrMissingFile):
		return http.StatusBadRequest, "A file is missing"
	case errors.Is(err, multipart.ErrMessageTooLarge), err.Error() == "http: POST too large":
		return http.StatusRequestEntityTooLarge, ""
	case errors.Is(err, http.ErrNotMultipart), errors.Is(err, http.ErrMissingBoundary),
		isMultipart && !hasForm(c.Request) && isCutForm(err):
		return http.StatusBadRequest, "The body is not a whole multipart form"
	case isMultipart && (errors.Is(err, binding.ErrMultiFileHeader) || errors.Is(err, binding.ErrMultiFileHeaderLenInvalid)):
		return http.StatusBadRequest, "The form has a file where none is taken, or too many"
	case isEncodingError(err) && (marked || inputBodyOf(c).malformed() || malformedQuery(c.Request)):
		return http.StatusBadRequest, "The form or the query of the address is not well encoded: " + encodingRule
	case isLengthError(c, err):
		return http.StatusBadRequest, "A list has too many values, or too few"
	}
	return 0, ""
}

const encodingRule = "% is written %25, ; is %3B, and fields end at 10000"

// isEncodingError knows what net/url says of a query or form that it cannot take apart.
func isEncodingError(err error) bool {
	_, escape := errors.AsType[url.EscapeError](err)
	text := err.Error()
	return escape || strings.HasSuffix(text, "invalid semicolon separator in query") ||
		strings.HasSuffix(text, "number of URL query parameters exceeded limit")
}

func malformedQuery(r *http.Request) bool {
	_, err := url.ParseQuery(r.URL.RawQuery)
	return err != nil
}

// isLengthError knows what gin says of a list that does not fit an array: the list as the client sent it.
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

// hasForm says whether a multipart form has been read whole.
func hasForm(r *http.Request) bool {
	return r.MultipartForm != nil && len(r.MultipartForm.Value)+len(r.MultipartForm.File) > 0
}

// isCutForm knows what mime/multipart says of a form that is not whole or not well made.
func isCutForm(err error) bool {
	_, header := errors.AsType[textproto.ProtocolError](err)
	return header || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) ||
		strings.HasPrefix(err.Error(), "multipart: ") || strings.HasPrefix(err.Error(), "quotedprintable: ")
}
