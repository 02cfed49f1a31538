package input

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"
	"github.com/gin-gonic/gin/binding"
	"github.com/go-playground/validator/v10"
)

// typeError is a body of another type than the route takes. It implements middleware.Answerer.
type typeError struct {
	media string
	takes string // in words
}

func (e typeError) Error() string { return "a body of the type " + quote(e.media) }

func (e typeError) Answer() (int, string) {
	if e.media == "" {
		return http.StatusUnsupportedMediaType, "The body has to be " + e.takes + ", and there is no Content-Type"
	}
	return http.StatusUnsupportedMediaType, fmt.Sprintf("The body has to be %s, not %s", e.takes, quote(e.media))
}

// fieldsError is an error of an input with what is wrong with its fields.
type fieldsError struct {
	error
	fields []FieldError
}

func (e fieldsError) Unwrap() error { return e.error }

// Bind is kit.Bind and, if strict is true, kit.BindStrict.
func Bind(c *gin.Context, in any, strict bool) error {
	PatchGin() // a test may call a handler without the chain, and the validator keeps the names that it finds first
	r := c.Request
	media, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	parser := binding.Default(r.Method, media)
	isForm := parser == binding.Form || parser == binding.FormMultipart
	hasBody := r.ContentLength != 0 && r.Method != http.MethodGet // gin reads no body of a GET
	// gin uses the form's parser for every type that it does not know.
	if parser == binding.Form && hasBody && media != binding.MIMEPOSTForm && (media != "" || !isEmpty(r.Body)) {
		return typeError{media, "JSON or a form"}
	}
	if isForm && hasBody && !fillsForm(in, parser) {
		return typeError{media, "JSON"}
	}
	if strict && !isForm {
		r.Body = strictBody{r.Body}
		defer func() { r.Body = r.Body.(strictBody).ReadCloser }()
	}
	err := removeEmptyFiles(r, parser, in)
	if err == nil {
		err = parser.Bind(r, in)
	}
	if isForm {
		err = formFields(r, parser, in, strict, err)
	}
	if err = Clarify(c, err); err == nil {
		return nil
	}
	if list := describe(err, in); list != nil {
		err = fieldsError{err, inWords(c, list)}
	}
	return mark(err)
}

// fillsForm reports whether gin can fill in from a form. A list, for example, would stay empty without an error.
func fillsForm(in any, parser binding.Binding) bool {
	t := reflect.TypeOf(in)
	for t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t == nil || t.Kind() == reflect.Struct {
		return true
	}
	isMap := t == reflect.TypeFor[map[string]string]() || t == reflect.TypeFor[map[string][]string]()
	return isMap && parser == binding.Form
}

// isEmpty reports whether a body of unknown length has no more bytes. If it has, isEmpty consumes one.
func isEmpty(body io.Reader) bool {
	n, _ := io.ReadFull(body, make([]byte, 1))
	return n == 0
}

// formFields looks at a form field by field if gin refused it with err. gin stops at the first field that it cannot
// parse, does not name it, and leaves the fields after it empty. So formFields finds each bad field with gin's own
// parser, fills all others, and takes the "on" of a checkbox for true.
func formFields(r *http.Request, parser binding.Binding, in any, strict bool, err error) error {
	t := reflect.TypeOf(in)
	if t == nil || t.Kind() != reflect.Pointer || t.Elem().Kind() != reflect.Struct {
		return err
	}
	values := url.Values(r.Form)
	if parser == binding.FormMultipart && r.MultipartForm != nil {
		values = r.MultipartForm.Value
	}
	names := formNames(t)
	if err == nil || is[validator.ValidationErrors](err) {
		if strict {
			return unknownFields(values, names, err)
		}
		return err
	}
	try := func(values url.Values) error {
		return binding.MapFormWithTag(reflect.New(t.Elem()).Interface(), values, "form")
	}
	if e := try(values); e == nil && isFileError(err) {
		return fieldsError{err, badFiles(r, t)}
	} else if e == nil || e.Error() != err.Error() { // the form did not arrive
		return err
	}
	if e := try(nil); e != nil { // a default in a tag of the program cannot be parsed
		return e
	}
	good, bad := maps.Clone(values), []FieldError{}
	for _, key := range slices.Sorted(maps.Keys(values)) {
		if names[key] == nil {
			continue
		}
		e := try(url.Values{key: values[key]})
		if e == nil {
			continue
		}
		if isOurs(e) {
			return e
		}
		if ticked := tick(values[key]); try(url.Values{key: ticked}) == nil {
			good[key] = ticked
			continue
		}
		delete(good, key)
		bad = append(bad, valueField("#/"+escapePointer(key), e))
	}
	return bindAgain(r, parser, in, good, bad, err)
}

// tick replaces the value that browsers send for a checkbox without a value.
func tick(list []string) []string {
	out := slices.Clone(list)
	for i, v := range out {
		if v == "on" {
			out[i] = "true"
		}
	}
	return out
}

// bindAgain binds the good fields. It returns an error for the bad ones and for those that the validator refuses. err
// is what gin said at first.
func bindAgain(r *http.Request, parser binding.Binding, in any, good url.Values, bad []FieldError, err error) error {
	again := *r
	again.Form = good
	if r.MultipartForm != nil {
		again.MultipartForm = &multipart.Form{Value: good, File: r.MultipartForm.File}
	}
	e := parser.Bind(&again, in)
	if len(bad) == 0 {
		return e
	}
	if invalid, ok := errors.AsType[validator.ValidationErrors](e); ok {
		for _, f := range describe(invalid, in) {
			if !slices.ContainsFunc(bad, func(b FieldError) bool { return b.Pointer == f.Pointer }) {
				bad = append(bad, f)
			}
		}
	}
	return fieldsError{err, bad}
}

func isFileError(err error) bool {
	return errors.Is(err, binding.ErrMultiFileHeader) || errors.Is(err, binding.ErrMultiFileHeaderLenInvalid)
}

// badFiles returns the fields that hold a file and are no field for files in t.
func badFiles(r *http.Request, t reflect.Type) (bad []FieldError) {
	for _, key := range slices.Sorted(maps.Keys(r.MultipartForm.File)) {
		one := http.Request{Form: url.Values{}, MultipartForm: &multipart.Form{
			File: map[string][]*multipart.FileHeader{key: r.MultipartForm.File[key]}}}
		if err := binding.FormMultipart.Bind(&one, reflect.New(t.Elem()).Interface()); isFileError(err) {
			bad = append(bad, valueField("#/"+escapePointer(key), err))
		}
	}
	return bad
}

// unknownFields adds the fields of a form that are not in names to err.
func unknownFields(values url.Values, names map[string]reflect.Type, err error) error {
	var unknown []FieldError
	for _, key := range slices.Sorted(maps.Keys(values)) {
		if names[key] == nil && len(unknown) < maxInvalid {
			unknown = append(unknown, newField("#/"+escapePointer(key), "unknown", "", ""))
		}
	}
	if unknown == nil {
		return err
	}
	return fieldsError{errUnknown, unknown}
}

var errUnknown = errors.New("unknown fields")

// removeEmptyFiles reads a multipart form and removes the fields for files in which no file came. A browser sends such
// a field with an empty file name, which mime/multipart reads as a text. gin would make a FileHeader of it that cannot
// be opened and that satisfies `required`.
func removeEmptyFiles(r *http.Request, parser binding.Binding, in any) error {
	if parser != binding.FormMultipart {
		return nil
	}
	if err := r.ParseMultipartForm(formMemory); err != nil {
		return err
	}
	for name, t := range formNames(reflect.TypeOf(in)) {
		for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice || t.Kind() == reflect.Array {
			t = t.Elem()
		}
		if t == reflect.TypeFor[multipart.FileHeader]() {
			delete(r.MultipartForm.Value, name)
		}
	}
	return nil
}

const formMemory = 32 << 20 // bytes of a form that are kept in memory, as gin does; the rest is in temporary files

// formNames returns the types of a struct's fields, by the names that gin looks for in a form.
func formNames(t reflect.Type) map[string]reflect.Type {
	names := map[string]reflect.Type{}
	var add func(t reflect.Type, depth int)
	add = func(t reflect.Type, depth int) {
		for t != nil && t.Kind() == reflect.Pointer {
			t = t.Elem()
		}
		if t == nil || t.Kind() != reflect.Struct || depth > 10 {
			return
		}
		for f := range t.Fields() {
			if tag := f.Tag.Get("form"); tag != "-" && (f.IsExported() || f.Anonymous) {
				name, _, _ := strings.Cut(tag, ",")
				names[cmp.Or(name, f.Name)] = f.Type
				add(f.Type, depth+1)
			}
		}
	}
	add(t, 0)
	return names
}

// strictBody is a body whose JSON may have no unknown fields.
type strictBody struct{ io.ReadCloser }
