package input

import (
	"errors"
	"net/http"
	"reflect"
	"strings"

	"github.com/gin-gonic/gin/binding"
)

// HasOtherParser reports whether gin has a parser for a media type that is neither JSON's nor a form's. It asks gin's
// own switch.
func HasOtherParser(media string) bool {
	switch binding.Default(http.MethodPost, media) {
	case binding.JSON, binding.Form, binding.FormMultipart:
		return false
	}
	return true
}

// isParserError reports whether err is one of gin's parsers other than those of JSON and forms. It goes by the
// package of the error's type, or by the error's first word.
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
