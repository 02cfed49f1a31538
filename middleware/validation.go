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
	"reflect"
	"strconv"
	"strings"
	"sync"

	"github.com/gin-gonic/gin/binding"
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

// FieldErrors is what c.ShouldBind and its kin found wrong with a request's fields; nil for any other error.
func FieldErrors(err error) []FieldError {
	if list, ok := errors.AsType[validator.ValidationErrors](err); ok {
		out := make([]FieldError, len(list))
		for i, e := range list {
			out[i] = FieldError{pointer(e.Namespace()), explain(e)}
		}
		return out
	}
	if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok && e.Field != "" {
		return []FieldError{{"#/" + strings.ReplaceAll(e.Field, ".", "/"), "must be " + jsonKind(e.Type) + ", not " + e.Value}}
	}
	return nil
}

// pointer makes "#/guests/0/email" of the validator's "Order.guests[0].email".
func pointer(namespace string) string {
	_, path, _ := strings.Cut(namespace, ".")
	path = strings.NewReplacer("~", "~0", "/", "~1", ".", "/", "[", "/", "]", "").Replace(path)
	return "#/" + path
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
func inputError(r *http.Request, err error) (status int, detail string) {
	if _, ok := errors.AsType[validator.ValidationErrors](err); ok {
		return http.StatusUnprocessableEntity, "Some fields are not as they should be"
	}
	if e, ok := errors.AsType[*strconv.NumError](err); ok {
		return http.StatusBadRequest, fmt.Sprintf("%q is not a number", short(e.Num))
	}
	switch {
	case errors.Is(err, http.ErrMissingFile):
		return http.StatusBadRequest, "A file is missing"
	case errors.Is(err, multipart.ErrMessageTooLarge):
		return http.StatusRequestEntityTooLarge, ""
	}
	media, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch {
	case media == "application/json" || strings.HasSuffix(media, "+json"):
		return jsonError(err)
	case errors.Is(err, http.ErrNotMultipart), errors.Is(err, http.ErrMissingBoundary), media == "multipart/form-data" && isCutForm(err):
		return http.StatusBadRequest, "The body is not a whole multipart form"
	}
	return 0, ""
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
	switch {
	case errors.Is(err, io.EOF):
		return http.StatusBadRequest, "The body is empty, and should be JSON"
	case errors.Is(err, io.ErrUnexpectedEOF):
		return http.StatusBadRequest, "The body ends in the middle of its JSON"
	}
	return 0, ""
}

func short(s string) string {
	if len(s) > 40 {
		return strings.ToValidUTF8(s[:40], "") + "…"
	}
	return s
}
