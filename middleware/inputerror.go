package middleware

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"mime"
	"mime/multipart"
	"net"
	"net/http"
	"net/textproto"
	"net/url"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/gin-gonic/gin/binding"
	"github.com/go-playground/validator/v10"
)

// inputErr marks an error as the client's fault, whatever it is.
type inputErr struct{ error }

func (e inputErr) Unwrap() error { return e.error }

// InputError marks an error of reading a request, so that it is answered with a status below 500 and not logged as an
// error. gin has no such mark. What only the program or the machine can have done wrong stays as it is.
func InputError(err error) error {
	if err == nil || isOurs(err) {
		return err
	}
	return inputErr{err}
}

// inputError finds out whether err says that a request's body, query or path could not be understood, which is the
// client's fault: the status and the words for it. What is not marked, for it comes from c.ShouldBind and the like, is
// the client's fault where it is about something that the client wrote.
func inputError(c *gin.Context, err error) (status int, detail string) {
	_, invalid := errors.AsType[validator.ValidationErrors](err)
	_, invalidList := errors.AsType[binding.SliceValidationError](err)
	if invalid || invalidList {
		return http.StatusUnprocessableEntity, "Some fields are not as they should be"
	}
	if isOurs(err) || errors.Is(err, os.ErrDeadlineExceeded) {
		return 0, ""
	}
	if _, ok := errors.AsType[readErr](err); ok {
		return http.StatusBadRequest, "The body did not arrive whole"
	}
	_, marked := errors.AsType[inputErr](err)
	_, isJSON := errors.AsType[jsonErr](err)
	if _, ok := errors.AsType[*json.SyntaxError](err); ok && marked { // read by the handler, with encoding/json
		isJSON = true
	}
	if detail := valueError(c, err, marked || isJSON); detail != "" {
		return http.StatusBadRequest, detail
	}
	if isJSON {
		return http.StatusBadRequest, jsonError(err)
	}
	if status, detail := formError(c, err, marked); status != 0 {
		return status, detail
	}
	if marked || inputBodyOf(c).isOther() && (err == io.EOF || isParserError(err)) {
		return http.StatusBadRequest, "The request cannot be understood here"
	}
	return 0, ""
}

// isOurs reports whether only the program or the machine can be at fault: a type that cannot be filled, or a full disk.
func isOurs(err error) bool {
	_, target := errors.AsType[*json.InvalidUnmarshalError](err)
	_, checked := errors.AsType[*validator.InvalidValidationError](err)
	_, file := errors.AsType[*fs.PathError](err)
	text := err.Error()
	return target || checked || file || errors.Is(err, http.ErrBodyReadAfterClose) ||
		errors.Is(err, binding.ErrConvertMapStringSlice) || errors.Is(err, binding.ErrConvertToMapString) ||
		text == "unknown type" || strings.Contains(text, "is not supported in the collection_format") ||
		strings.HasPrefix(text, "unknown time zone ") || text == "obj is not ProtoMessage"
}

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

// formError has words for a form, or a query, that cannot be taken apart or does not fit.
func formError(c *gin.Context, err error, marked bool) (status int, detail string) {
	media, _, _ := mime.ParseMediaType(c.Request.Header.Get("Content-Type"))
	isMultipart := media == "multipart/form-data"
	switch {
	case errors.Is(err, http.ErrMissingFile):
		return http.StatusBadRequest, "A file is missing"
	case errors.Is(err, multipart.ErrMessageTooLarge), err.Error() == "http: POST too large":
		return http.StatusRequestEntityTooLarge, ""
	case errors.Is(err, http.ErrNotMultipart), errors.Is(err, http.ErrMissingBoundary), isMultipart && !hasForm(c.Request) && isCutForm(err):
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

// isParserError knows the errors of gin's other parsers by the package of their type, or by the word they begin with.
func isParserError(err error) bool {
	for ; err != nil; err = errors.Unwrap(err) {
		t := reflect.TypeOf(err)
		if t.Kind() == reflect.Pointer {
			t = t.Elem()
		}
		for _, parser := range []string{"xml", "yaml", "toml", "proto", "bson", "msgpack", "codec"} {
			if strings.Contains(t.PkgPath(), parser) || strings.HasPrefix(err.Error(), parser+":") {
				return true
			}
		}
		if strings.HasPrefix(err.Error(), "expected element type <") { // encoding/xml's, without a type
			return true
		}
	}
	return false
}

func jsonError(err error) (detail string) {
	if e, ok := errors.AsType[*json.SyntaxError](err); ok {
		return fmt.Sprintf("The body is not JSON, as byte %d shows", e.Offset)
	}
	if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return fmt.Sprintf("%s must be %s, not %s", cmp.Or(e.Field, "The body"), jsonKind(e.Type), e.Value)
	}
	switch {
	case errors.Is(err, io.EOF):
		return "The body is empty, and should be JSON"
	case errors.Is(err, io.ErrUnexpectedEOF):
		return "The body ends in the middle of its JSON"
	}
	return "The body is JSON, but not what is wanted here" // by an UnmarshalJSON or UnmarshalText
}

func short(s string) string {
	if len(s) > 40 {
		return strings.ToValidUTF8(s[:40], "") + "…"
	}
	return s
}
