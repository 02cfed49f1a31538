package input

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"

	"github.com/go-playground/validator/v10"
)

// FieldError says what is wrong with one field of a request's body, as in the example of RFC 9457 §3.
type FieldError struct {
	// Pointer is a JSON pointer as a fragment (RFC 6901 §6): "#/guests/0/email". A field of a form is "#/email".
	Pointer string `json:"pointer"`
	// Detail continues a sentence that begins with the field's name: "is required".
	Detail string `json:"detail"`
}

// FieldErrors returns what c.ShouldBind and similar methods found wrong with a request's fields, and nil for any
// other error.
func FieldErrors(err error) []FieldError {
	if list, ok := errors.AsType[validator.ValidationErrors](err); ok {
		out := make([]FieldError, len(list))
		for i, e := range list {
			out[i] = FieldError{pointer(e), explain(e)}
		}
		return out
	}
	if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok && e.Field != "" {
		return []FieldError{{"#/" + strings.ReplaceAll(e.Field, ".", "/"),
			"must be " + jsonKind(e.Type) + ", not " + e.Value}}
	}
	return nil
}

// pointer makes "#/guests/0/email" of the validator's "Order.guests[0].email". The path of a type without a name has
// no type in front. It is recognised by its first word, which is then a field: as clients name it in Namespace, as Go
// does in StructNamespace.
func pointer(e validator.FieldError) string {
	path := e.Namespace()
	first, rest, _ := strings.Cut(path, ".")
	if inGo, _, _ := strings.Cut(e.StructNamespace(), "."); rest != "" && first == inGo {
		path = rest
	}
	return "#/" + strings.NewReplacer("~", "~0", "/", "~1", ".", "/", "[", "/", "]", "").Replace(path)
}

// explain returns the Detail of a FieldError.
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
