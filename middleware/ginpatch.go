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

// This file is all that is changed in gin itself, through its exported variables. They belong to the process, so each
// change is made once.

// patchGin makes the changes. gin's other parsers cannot be changed so: their variables have types of their own.
var patchGin = sync.OnceFunc(func() {
	nameFields()
	binding.BSON = inputBinding{binding.BSON}
	ginjson.API = inputCodec{ginjson.API}
})

// nameFields has gin's validator call fields what visitors call them: by their json or form name.
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

// inputBinding is gin's own, with its errors marked.
type inputBinding struct{ binding.BindingBody }

func (b inputBinding) Bind(r *http.Request, in any) error {
	return InputError(b.BindingBody.Bind(r, in))
}

func (b inputBinding) BindBody(body []byte, in any) error {
	return InputError(b.BindingBody.BindBody(body, in))
}

// jsonErr marks an error as that of reading a request's JSON, and not of reading another server's.
type jsonErr struct{ error }

func (e jsonErr) Unwrap() error { return e.error }

// inputCodec is gin's own, with its errors marked. gin decodes nothing but requests with it: bodies, and the fields of
// forms that are structs or maps.
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
