package middleware

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
)

// isParserError recognises the errors of gin's parsers other than JSON's and forms' by the package of their type, or by their
// first word.
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
		if strings.HasPrefix(err.Error(), "expected element type <") { // encoding/xml's error without a type
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
