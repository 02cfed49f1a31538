package middleware

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/gin-gonic/gin/binding"
	ginjson "github.com/gin-gonic/gin/codec/json"
	"github.com/go-playground/validator/v10"
)

// nameFields has gin's validator call fields what visitors call them: by their json or form name.
var nameFields = sync.OnceFunc(func() {
	engine, ok := binding.Validator.Engine().(*validator.Validate)
	if !ok { // somebody set another one
		return
	}
	engine.RegisterTagNameFunc(func(f reflect.StructField) string {
		for _, tag := range []string{"json", "form", "uri", "header"} {
			if name, _, _ := strings.Cut(f.Tag.Get(tag), ","); name != "" && name != "-" {
				return name
			}
		}
		return f.Name
	})
})

// inputErr marks an error as that of reading a request's JSON, and not of reading another server's.
type inputErr struct{ error }

func (e inputErr) Unwrap() error { return e.error }

// markInput has gin's codec mark its errors.
var markInput = sync.OnceFunc(func() { ginjson.API = inputCodec{ginjson.API} })

// inputCodec is gin's own, which decodes nothing but requests.
type inputCodec struct{ ginjson.Core }

func (c inputCodec) NewDecoder(r io.Reader) ginjson.Decoder {
	return inputDecoder{c.Core.NewDecoder(r)}
}

type inputDecoder struct{ ginjson.Decoder }

func (d inputDecoder) Decode(in any) error {
	if err := d.Decoder.Decode(in); err != nil {
		return inputErr{err}
	}
	return nil
}

// FieldErrors is what c.ShouldBind and its kin found wrong with a request's fields; nil for any other error.
func FieldErrors(err error) []FieldError {
	if list, ok := errors.AsType[validator.ValidationErrors](err); ok {
		out := make([]FieldError, len(list))
		for i, e := range list {
			out[i] = FieldError{pointer(e), explain(e)}
		}
		return out
	}
	if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok && e.Field != "" {
		return []FieldError{{"#/" + strings.ReplaceAll(e.Field, ".", "/"), "must be " + jsonKind(e.Type) + ", not " + e.Value}}
	}
	return nil
}

// pointer makes "#/guests/0/email" of the validator's "Order.guests[0].email". A type without a name has none in front:
// there the two namespaces, by the field's name for visitors and in Go, differ from the first word on.
func pointer(e validator.FieldError) string {
	path := e.Namespace()
	first, rest, _ := strings.Cut(path, ".")
	if inGo, _, _ := strings.Cut(e.StructNamespace(), "."); rest != "" && first == inGo {
		path = rest
	}
	return "#/" + strings.NewReplacer("~", "~0", "/", "~1", ".", "/", "[", "/", "]", "").Replace(path)
}

// explain reads on from a field's name.
func explain(e validator.FieldError) string {
	unit := ""
	switch e.Kind() {
	case reflect.String:
		unit = " characters long"
	case reflect.Slice, reflect.Array, reflect.Map:
		unit = " items long"
	}
	switch e.Tag() {
	case "required":
		return "is required"
	case "min", "gte":
		return "must be at least " + e.Param() + unit
	case "max", "lte":
		return "must be at most " + e.Param() + unit
	case "gt":
		return "must be more than " + e.Param() + unit
	case "lt":
		return "must be less than " + e.Param() + unit
	case "len":
		return "must be exactly " + e.Param() + unit
	case "email":
		return "must be an e-mail address"
	case "url", "http_url", "uri":
		return "must be a URL"
	case "uuid", "uuid4":
		return "must be a UUID"
	case "oneof":
		return "must be one of: " + e.Param()
	case "eqfield":
		return "must be the same as " + e.Param()
	}
	return "does not fit: " + strings.TrimSuffix(e.Tag()+" "+e.Param(), " ")
}

func jsonKind(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "true or false"
	case reflect.Slice, reflect.Array:
		return "a list"
	case reflect.Struct, reflect.Map:
		return "an object"
	}
	return "a number"
}

// inputError finds out whether err says that a request's body, query or path could not be understood, which is the
// client's fault: the status and the words for it.
func inputError(c *gin.Context, err error) (status int, detail string) {
	_, invalid := errors.AsType[validator.ValidationErrors](err)
	_, invalidList := errors.AsType[binding.SliceValidationError](err)
	if invalid || invalidList {
		return http.StatusUnprocessableEntity, "Some fields are not as they should be"
	}
	_, body := errors.AsType[inputErr](err)
	if e, ok := errors.AsType[*strconv.NumError](err); ok && sent(c, e.Num) {
		return http.StatusBadRequest, fmt.Sprintf("%q is not a number", short(e.Num))
	}
	if e, ok := errors.AsType[*time.ParseError](err); ok && (body || sent(c, e.Value)) {
		return http.StatusBadRequest, fmt.Sprintf("%q is not a time as it is written here", short(e.Value))
	}
	media, _, _ := mime.ParseMediaType(c.Request.Header.Get("Content-Type"))
	switch {
	case body:
		return jsonError(err)
	case errors.Is(err, http.ErrMissingFile):
		return http.StatusBadRequest, "A file is missing"
	case errors.Is(err, multipart.ErrMessageTooLarge):
		return http.StatusRequestEntityTooLarge, ""
	case errors.Is(err, http.ErrNotMultipart), errors.Is(err, http.ErrMissingBoundary), media == "multipart/form-data" && !hasForm(c.Request) && isCutForm(err):
		return http.StatusBadRequest, "The body is not a whole multipart form"
	}
	return 0, ""
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
	isMark := func(r rune) bool { return strings.ContainsRune(", |\t", r) } // of gin's collection_format
	return slices.ContainsFunc(said, func(v string) bool { return v == text || slices.Contains(strings.FieldsFunc(v, isMark), text) })
}

// hasForm says whether a multipart form has been read whole.
func hasForm(r *http.Request) bool {
	return r.MultipartForm != nil && len(r.MultipartForm.Value)+len(r.MultipartForm.File) > 0
}

// isCutForm knows what mime/multipart says of a form that is not whole or not well made.
func isCutForm(err error) bool {
	_, header := errors.AsType[textproto.ProtocolError](err)
	return header || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) || strings.HasPrefix(err.Error(), "multipart: ")
}

func jsonError(err error) (status int, detail string) {
	if e, ok := errors.AsType[*json.SyntaxError](err); ok {
		return http.StatusBadRequest, fmt.Sprintf("The body is not JSON, as byte %d shows", e.Offset)
	}
	if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return http.StatusBadRequest, fmt.Sprintf("%s must be %s, not %s", cmp.Or(e.Field, "The body"), jsonKind(e.Type), e.Value)
	}
	_, programmed := errors.AsType[*json.InvalidUnmarshalError](err)
	switch {
	case programmed, errors.Is(err, os.ErrDeadlineExceeded):
		return 0, ""
	case errors.Is(err, io.EOF):
		return http.StatusBadRequest, "The body is empty, and should be JSON"
	case errors.Is(err, io.ErrUnexpectedEOF):
		return http.StatusBadRequest, "The body ends in the middle of its JSON"
	}
	return http.StatusBadRequest, "The body is JSON, but not what is wanted here" // by an UnmarshalJSON or UnmarshalText
}

func short(s string) string {
	if len(s) > 40 {
		return strings.ToValidUTF8(s[:40], "") + "…"
	}
	return s
}
