package input

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
)

// jsonError returns the text for JSON that cannot be parsed or does not fit.
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
	return "The body is JSON, but not what is wanted here" // says an UnmarshalJSON or UnmarshalText
}

// jsonKind returns what a client has to write for a Go type.
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
