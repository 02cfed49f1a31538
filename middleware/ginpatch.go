package middleware

import (
	"io"
	"net/http"
	"reflect"
	"strings"
	"sync"

	"github.com/gin-gonic/gin/binding"
	ginjson "github.com/gin-gonic/gin/codec/json"
	"github.com/go-playground/validator/v10"
)

// This file has every change to gin itself. Each sets an exported variable of gin. These are global, so each is set once.

// patchGin makes the changes. The variables of gin's other parsers have concrete types, so that they cannot be replaced.
var patchGin = sync.OnceFunc(func() {
	nameFields()
	binding.BSON = inputBinding{binding.BSON}
	ginjson.API = inputCodec{ginjson.API}
})

// nameFields makes gin's validator name fields as clients do: by their json or form name.
func nameFields() {
	engine, ok := binding.Validator.Engine().(*validator.Validate)
	if !ok { // the application has set another one
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
}

// inputBinding is one of gin's bindings, with its errors marked as the client's fault.
type inputBinding struct{ binding.BindingBody }

func (b inputBinding) Bind(r *http.Request, in any) error {
	return InputError(b.BindingBody.Bind(r, in))
}

func (b inputBinding) BindBody(body []byte, in any) error {
	return InputError(b.BindingBody.BindBody(body, in))
}

// jsonErr marks an error of reading a request's JSON. JSON that a handler reads elsewhere has no such mark.
type jsonErr struct{ error }

func (e jsonErr) Unwrap() error { return e.error }

// inputCodec is gin's JSON codec, with the errors of decoding marked. gin decodes only parts of requests with it: bodies, and
// form fields that are structs or maps.
type inputCodec struct{ ginjson.Core }

func (c inputCodec) NewDecoder(r io.Reader) ginjson.Decoder {
	return inputDecoder{c.Core.NewDecoder(r)}
}

func (c inputCodec) Unmarshal(data []byte, in any) error {
	if err := c.Core.Unmarshal(data, in); err != nil {
		return jsonErr{err}
	}
	return nil
}

type inputDecoder struct{ ginjson.Decoder }

func (d inputDecoder) Decode(in any) error {
	if err := d.Decoder.Decode(in); err != nil {
		return jsonErr{err}
	}
	return nil
}
