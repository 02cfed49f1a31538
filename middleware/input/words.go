package input

import (
	"cmp"
	"net/http"
	"reflect"
	"strings"

	"github.com/gin-gonic/gin"
)

// Words returns the Detail of a FieldError in other words, such as those of the visitor's language, or "" to keep it.
type Words func(*http.Request, FieldError) string

const wordsKey = "middleware/input.words" // in the gin.Context

// Speak makes words those of the site. nil: English.
func Speak(words Words) gin.HandlerFunc {
	return func(c *gin.Context) {
		if words != nil {
			c.Set(wordsKey, words)
		}
	}
}

func inWords(c *gin.Context, list []FieldError) []FieldError {
	if words, ok := c.Value(wordsKey).(Words); ok {
		for i, f := range list {
			if text := words(c.Request, f); text != "" {
				list[i].Detail = text
			}
		}
	}
	return list
}

// unit returns the unit of a length, for kinds that have a length.
func unit(k reflect.Kind) string {
	switch k {
	case reflect.String:
		return "character"
	case reflect.Slice, reflect.Array, reflect.Map:
		return "item"
	}
	return ""
}

// details has the Detail for each Rule. % stands for the Param.
var details = map[string]string{
	"min": "must be at least %", "gte": "must be at least %", "max": "must be at most %", "lte": "must be at most %",
	"gt": "must be more than %", "lt": "must be less than %", "len": "must be exactly %",
	"eq": "must be %", "ne": "must not be %", "oneof": "must be one of: %",
	"email": "must be an email address", "url": "must be a URL", "http_url": "must be a URL", "uri": "must be a URL",
	"uuid": "must be a UUID", "uuid4": "must be a UUID", "ip": "must be an IP address", "hostname": "must be a host name",
	"e164": "must be a phone number such as +4930123456", "datetime": "is not a valid date or time",
	"alpha": "must have letters only", "alphanum": "must have letters and digits only",
	"number": "must be a number", "numeric": "must be a number", "boolean": "must be true or false",
	"unique": "must have no value twice", "startswith": "must begin with %", "endswith": "must end with %",
	"contains": "must contain %", "eqfield": "must be the same as %", "nefield": "must not be the same as %",
	"gtfield": "must be more than %", "gtefield": "must be at least %", "ltfield": "must be less than %",
	"ltefield": "must be at most %",

	"whole": "must be a whole number", "bool": "must be true or false", "string": "must be a string",
	"list": "must be a list", "object": "must be an object", "time": "must look like %",
	"duration": "must be a duration such as 1m30s", "small": "is too small", "large": "is too large",
	"file": "has a file where none is accepted, or too many files", "unknown": "is not known here",
	"missing": "has no file",
}

// newField returns a FieldError in English.
func newField(pointer, rule, param, unit string) FieldError {
	text := details[rule]
	switch {
	case strings.HasPrefix(rule, "required"):
		text, param = "is required", "" // it has names of fields in Go
	case strings.HasPrefix(rule, "excluded"):
		text, param = "must be left out", ""
	case text == "":
		text = "is not valid"
	}
	shown := param
	if strings.HasSuffix(rule, "field") {
		shown = cmp.Or(param, "the other field")
	}
	text = strings.ReplaceAll(text, "%", shown)
	switch rule {
	case "min", "gte", "max", "lte", "gt", "lt", "len":
		if unit != "" && param != "1" {
			unit += "s"
		}
		if unit != "" {
			text += " " + unit + " long"
		}
	}
	return FieldError{Pointer: pointer, Detail: text, Rule: rule, Param: param}
}
