package input

import (
	"encoding/json"
	"errors"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/gin-gonic/gin/binding"
	"github.com/go-playground/validator/v10"
)

// FieldError says what is wrong with one field of a request's body, as in the example of RFC 9457 §3.
type FieldError struct {
	// Pointer is a JSON pointer as a fragment (RFC 6901 §6): "#/guests/0/email". A field of a form is "#/email".
	Pointer string `json:"pointer"`
	// Detail continues a sentence that begins with the field's name: "is required".
	Detail string `json:"detail"`
	// Rule and Param are for words of your own. Rule is the binding tag that refused the value (required, max), with
	// its Param ("500"). For a value of another kind Rule is whole, number, bool, string, list, object, time (Param is
	// an example), duration, file, format, small or large. It is missing for a file that did not come, and unknown for
	// a field that a strict input does not have.
	Rule  string `json:"-"`
	Param string `json:"-"`
}

// FieldErrors returns what Bind, c.ShouldBind and similar methods found wrong with a request's fields, 100 of them at
// most, and nil for any other error.
func FieldErrors(err error) []FieldError { return describe(err, nil) }

// Fields is FieldErrors in the site's words. For an error of c.ShouldBind it also finds the form's field by its value.
func Fields(c *gin.Context, err error) []FieldError {
	if e, ok := errors.AsType[markedError](err); ok { // Bind has described it
		return describe(e, nil)
	}
	list := describe(err, nil)
	if list == nil {
		if key := formKey(c, err); key != "" {
			list = []FieldError{valueField("#/"+escapePointer(key), err)}
		}
	}
	return inWords(c, list)
}

// maxInvalid is how many fields an answer names. A list of 1 MiB can have 100,000 items without what they need.
const maxInvalid = 100

// describe returns the fields that err is about. in is what was bound, or nil if that is not known.
func describe(err error, in any) []FieldError {
	if e, ok := errors.AsType[fieldsError](err); ok {
		return e.fields
	}
	if list, ok := errors.AsType[invalid](err); ok {
		return list
	}
	if list, ok := errors.AsType[validator.ValidationErrors](err); ok {
		out := make([]FieldError, min(len(list), maxInvalid))
		for i, e := range list[:len(out)] {
			param := e.Param()
			if strings.HasSuffix(e.Tag(), "field") {
				param = otherField(in, e)
			}
			out[i] = newField(pointer(e), e.Tag(), param, unit(e.Kind()))
		}
		return out
	}
	if e, ok := errors.AsType[jsonMark](err); ok {
		return e.fields
	}
	if is[binding.SliceValidationError](err) {
		return itemFields(in)
	}
	return nil
}

// itemFields returns what the validator refuses in the items of a list, which may be nil. gin's error for a list does
// not say which item it is about.
func itemFields(in any) (out []FieldError) {
	list := reflect.Indirect(reflect.ValueOf(in))
	if list.Kind() != reflect.Slice && list.Kind() != reflect.Array {
		return nil
	}
	for i := 0; i < list.Len() && len(out) < maxInvalid; i++ {
		item := list.Index(i).Interface()
		for _, f := range describe(binding.Validator.ValidateStruct(item), item) {
			f.Pointer = "#/" + strconv.Itoa(i) + strings.TrimPrefix(f.Pointer, "#")
			out = append(out, f)
		}
	}
	return out[:min(len(out), maxInvalid)]
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
	return "#/" + pathPointer.Replace(path)
}

// The replacers are made once: each takes kilobytes.
var (
	pathPointer = strings.NewReplacer("~", "~0", "/", "~1", ".", "/", "[", "/", "]", "")
	keyPointer  = strings.NewReplacer("~", "~0", "/", "~1")
)

func escapePointer(name string) string { return keyPointer.Replace(name) }

// otherField returns the client's name of the field that a tag such as eqfield compares with, or "" if it is not known.
// The tag has the name in Go, which visitors must not see.
func otherField(in any, e validator.FieldError) string {
	t := reflect.TypeOf(in)
	path := strings.Split(e.StructNamespace(), ".")
	for i, name := range path {
		for t != nil && (t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice || t.Kind() == reflect.Map) {
			t = t.Elem()
		}
		if t == nil || t.Kind() != reflect.Struct {
			return ""
		}
		if i == 0 && name == t.Name() {
			continue
		}
		if i == len(path)-1 {
			if f, ok := t.FieldByName(e.Param()); ok {
				return clientName(f)
			}
			return ""
		}
		name, _, _ = strings.Cut(name, "[")
		f, ok := t.FieldByName(name)
		if !ok {
			return ""
		}
		t = f.Type
	}
	return ""
}

// valueField says what is wrong with a value that gin or an UnmarshalText cannot parse.
func valueField(pointer string, err error) FieldError {
	rule, param := "format", ""
	number, isNumber := errors.AsType[*strconv.NumError](err)
	date, isDate := errors.AsType[*time.ParseError](err)
	switch {
	case isNumber:
		rule, param = numberRule(number)
	case isDate:
		layout := strings.Trim(date.Layout, `"`)
		rule, param = "time", time.Date(2006, 1, 2, 15, 4, 5, 0, time.UTC).Format(layout)
	case strings.HasPrefix(err.Error(), "time: "):
		rule = "duration"
	case isFileError(err):
		rule = "file"
	}
	return newField(pointer, rule, param, "")
}

// numberRule returns the rule that a number in a form breaks.
func numberRule(e *strconv.NumError) (rule, param string) {
	negative := strings.HasPrefix(e.Num, "-")
	_, notWhole := strconv.ParseInt(e.Num, 10, 64)
	switch {
	case e.Func == "ParseUint" && negative && notWhole == nil:
		return "min", "0"
	case errors.Is(e.Err, strconv.ErrRange) && negative:
		return "small", ""
	case errors.Is(e.Err, strconv.ErrRange):
		return "large", ""
	case e.Func == "ParseBool":
		return "bool", ""
	case e.Func == "ParseFloat":
		return "number", ""
	}
	return "whole", ""
}

// typeRule returns the rule that a JSON value breaks.
func typeRule(e *json.UnmarshalTypeError) (rule, param string) {
	switch e.Type.Kind() {
	case reflect.String:
		return "string", ""
	case reflect.Bool:
		return "bool", ""
	case reflect.Slice, reflect.Array:
		return "list", ""
	case reflect.Struct, reflect.Map:
		return "object", ""
	}
	number, isNumber := strings.CutPrefix(e.Value, "number ")
	whole := isNumber && !strings.ContainsAny(number, ".eE")
	negative := strings.HasPrefix(number, "-")
	_, tooLong := strconv.ParseInt(number, 10, 64)
	switch kind := e.Type.Kind(); {
	case !isNumber && (kind == reflect.Float32 || kind == reflect.Float64):
		return "number", ""
	case whole && negative && tooLong == nil && reflect.Uint <= kind && kind <= reflect.Uintptr:
		return "min", "0"
	case isNumber && (whole || kind == reflect.Float32 || kind == reflect.Float64) && negative:
		return "small", ""
	case isNumber && (whole || kind == reflect.Float32 || kind == reflect.Float64):
		return "large", ""
	}
	return "whole", ""
}

// formKey returns the name of the only field of a form or query that has the value that err is about, or "".
func formKey(c *gin.Context, err error) (key string) {
	value, want := refused(err)
	if want == "" {
		return ""
	}
	values := c.Request.Form
	if values == nil {
		values = c.Request.URL.Query()
	}
	for name, list := range values {
		for _, v := range list {
			if !contains(v, value) {
				continue
			}
			if key != "" && key != name {
				return ""
			}
			key = name
		}
	}
	return key
}

// invalid is what a handler itself found wrong with fields of the input.
type invalid []FieldError

func (e invalid) Error() string { return e[0].Pointer + " " + e[0].Detail }

// Invalid returns an error about a field that a handler checked itself. It is answered 422, like those of binding tags.
// The field is named as in the form or as in JSON, with / between its parts: "guests/0/email". The detail continues a
// sentence that begins with the field's name: "has an account already".
func Invalid(field, detail string) error { return invalid{{Pointer: "#/" + field, Detail: detail}} }
