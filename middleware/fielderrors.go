package middleware

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"

	"github.com/go-playground/validator/v10"
)

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
