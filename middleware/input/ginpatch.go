package input

import (
	"io"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"sync"

	"github.com/gin-gonic/gin/binding"
	ginjson "github.com/gin-gonic/gin/codec/json"
	"github.com/go-playground/validator/v10"
)

// This file has every change to gin itself. All of them are made by PatchGin.

// PatchGin changes gin for the whole process: its validator names fields as clients do and refuses a JSON null in place
// of an object, for which gin's panics. The errors of its JSON codec and its BSON parser are marked, so that Status
// recognises them. PatchGin sets exported variables of gin, which are global, so only the first call has an effect. The
// variables of gin's other parsers have concrete types and cannot be replaced.
func PatchGin() { patchGin() }

var patchGin = sync.OnceFunc(func() {
	// The application may have set another validator.
	if engine, ok := binding.Validator.Engine().(*validator.Validate); ok {
		engine.RegisterTagNameFunc(clientName)
	}
	binding.Validator = nullValidator{binding.Validator}
	binding.BSON = markedBinding{binding.BSON}
	ginjson.API = markedCodec{ginjson.API}
})

// nullValidator is gin's validator, which panics for a nil pointer: for null in place of an object, as a whole body or
// as an item of a list.
type nullValidator struct{ binding.StructValidator }

func (v nullValidator) ValidateStruct(in any) error {
	if pointer := nullIn(reflect.ValueOf(in), "#"); pointer != "" {
		return invalid{newField(pointer, "object", "", "")}
	}
	return v.StructValidator.ValidateStruct(in)
}

// nullIn returns the JSON pointer of the first nil pointer that gin's validator would follow, or "".
func nullIn(v reflect.Value, at string) string {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return at
		}
		return nullIn(v.Elem(), at)
	case reflect.Slice, reflect.Array:
		if k := v.Type().Elem().Kind(); k != reflect.Pointer && k != reflect.Slice && k != reflect.Array {
			return ""
		}
		for i := range v.Len() {
			if found := nullIn(v.Index(i), at+"/"+strconv.Itoa(i)); found != "" {
				return found
			}
		}
	}
	return ""
}

// clientName returns a field's name as clients write it.
func clientName(f reflect.StructField) string {
	for _, tag := range []string{"json", "form", "uri", "header"} {
		if name, _, _ := strings.Cut(f.Tag.Get(tag), ","); name != "" && name != "-" {
			return name
		}
	}
	return f.Name
}

// markedBinding is one of gin's bindings, with its errors marked as the client's fault.
type markedBinding struct{ binding.BindingBody }

func (b markedBinding) Bind(r *http.Request, in any) error {
	return mark(b.BindingBody.Bind(r, in))
}

func (b markedBinding) BindBody(body []byte, in any) error {
	return mark(b.BindingBody.BindBody(body, in))
}

// jsonMark marks an error of reading a request's JSON. Errors about other JSON, which a handler gives to
// encoding/json, have no such mark.
type jsonMark struct {
	error
	fields []FieldError
}

func (e jsonMark) Unwrap() error { return e.error }

// markedCodec wraps gin's JSON codec and marks its errors of decoding. gin decodes only parts of requests with it:
// bodies, and form fields that are structs or maps.
type markedCodec struct{ ginjson.Core }

func (c markedCodec) NewDecoder(r io.Reader) ginjson.Decoder {
	strict, ok := r.(strictBody)
	if ok {
		r = strict.ReadCloser
	}
	return &jsonDecoder{core: c.Core, r: r, strict: ok}
}

func (c markedCodec) Unmarshal(data []byte, in any) error {
	if err := c.Core.Unmarshal(data, in); err != nil {
		return jsonMark{error: err}
	}
	return nil
}
