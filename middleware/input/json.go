package input

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"reflect"
	"sort"
	"strconv"
	"strings"

	ginjson "github.com/gin-gonic/gin/codec/json"
)

// errTrailing is the error for a body with something after its JSON.
var errTrailing = errors.New("text after the JSON")

// jsonDecoder decodes a request's JSON. Unlike gin's it skips a byte order mark, refuses what follows the value, and
// tells which field an error is about. It reads the whole body, as gin's does for a single value.
type jsonDecoder struct {
	core      ginjson.Core
	r         io.Reader
	useNumber bool
	strict    bool
}

func (d *jsonDecoder) UseNumber()             { d.useNumber = true }
func (d *jsonDecoder) DisallowUnknownFields() { d.strict = true }

func (d *jsonDecoder) Decode(in any) error {
	data, err := io.ReadAll(d.r)
	if err != nil {
		return err
	}
	data = bytes.TrimPrefix(data, []byte("\uFEFF"))
	if err := d.decode(data, in); err != nil {
		return jsonMark{err, d.fields(data, in, err)}
	}
	return nil
}

func (d *jsonDecoder) decode(data []byte, in any) error {
	dec := d.core.NewDecoder(bytes.NewReader(data))
	if d.useNumber {
		dec.UseNumber()
	}
	if d.strict {
		dec.DisallowUnknownFields()
	}
	if err := dec.Decode(in); err != nil {
		return err
	}
	var rest json.RawMessage
	if err := dec.Decode(&rest); err != io.EOF {
		return errTrailing
	}
	return nil
}

// fields returns the field that err is about, if it is about one.
func (d *jsonDecoder) fields(data []byte, in any, err error) []FieldError {
	if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		for v := range jsonValues(data) {
			if int64(v.decided) >= e.Offset {
				rule, param := typeRule(e)
				return []FieldError{newField(v.pointer(), rule, param, "")}
			}
		}
		return nil
	}
	if name, ok := unknownField(err); ok {
		var found []FieldError
		for v := range jsonValues(data) {
			if n := len(v.path); n > 0 && v.path[n-1].isObject && v.path[n-1].key == name {
				found = append(found, newField(v.pointer(), "unknown", "", ""))
			}
			if len(found) > 1 {
				return nil
			}
		}
		return found
	}
	if is[*json.SyntaxError](err) || err == errTrailing || !json.Valid(data) {
		return nil
	}
	return d.refusedBy(data, in, err)
}

// maxLeaves is the largest number of values in which refusedBy searches, because each attempt decodes all of them.
const maxLeaves = 1000

// refusedBy returns the field that an UnmarshalJSON or UnmarshalText refuses. Their errors name no field, so refusedBy
// searches: it decodes with some of the last values replaced by null, and the error stays as long as the field does.
func (d *jsonDecoder) refusedBy(data []byte, in any, err error) []FieldError {
	t := reflect.TypeOf(in)
	if t == nil || t.Kind() != reflect.Pointer {
		return nil
	}
	var leaves [][2]int // where they start and end
	for v := range jsonValues(data) {
		if v.end > 0 {
			leaves = append(leaves, [2]int{v.start, v.end})
		}
		if len(leaves) > maxLeaves {
			return nil
		}
	}
	fails := func(n int) bool { // with the first n values
		var doc []byte
		at := 0
		for _, leaf := range leaves[n:] {
			doc = append(append(doc, data[at:leaf[0]]...), "null"...)
			at = leaf[1]
		}
		return d.decode(append(doc, data[at:]...), reflect.New(t.Elem()).Interface()) != nil
	}
	n := sort.Search(len(leaves)+1, fails)
	if n == 0 || n > len(leaves) {
		return nil
	}
	for v := range jsonValues(data) {
		if v.start == leaves[n-1][0] && v.end > 0 {
			return []FieldError{valueField(v.pointer(), err)}
		}
	}
	return nil
}

// jsonValue is a value in a JSON text.
type jsonValue struct {
	path       []jsonLevel // changes with the next value
	start, end int         // of a value that is neither object nor array; else 0
	decided    int         // where encoding/json has seen of which kind the value is
}

// jsonLevel is an object or array around a value.
type jsonLevel struct {
	isObject bool
	key      string
	needsKey bool // the next token of an object is a key
	index    int  // of an item of an array
}

// pointer returns the JSON pointer. The pointers of all values of a text can take ten thousand times its size.
func (v jsonValue) pointer() string {
	var b strings.Builder
	b.WriteByte('#')
	for _, l := range v.path {
		if l.isObject {
			b.WriteString("/" + escapePointer(l.key))
		} else {
			b.WriteString("/" + strconv.Itoa(l.index))
		}
	}
	return b.String()
}

// jsonValues yields every value of a valid JSON text, in order. It stops at the first error.
func jsonValues(data []byte) iter.Seq[jsonValue] {
	return func(yield func(jsonValue) bool) {
		dec := json.NewDecoder(bytes.NewReader(data))
		dec.UseNumber()
		var path []jsonLevel
		for {
			start := int(dec.InputOffset())
			token, err := dec.Token()
			if err != nil {
				return
			}
			if token == json.Delim('}') || token == json.Delim(']') {
				path = path[:len(path)-1]
				continue
			}
			if n := len(path); n > 0 {
				top := &path[n-1]
				top.index++
				if top.needsKey {
					top.key, top.needsKey = token.(string), false
					continue
				}
				top.needsKey = top.isObject
			}
			_, isContainer := token.(json.Delim)
			end := int(dec.InputOffset())
			v := jsonValue{path: path, decided: end}
			if !isContainer {
				v.start, v.end = end-len(bytes.TrimLeft(data[start:end], " \t\r\n:,")), end
			}
			if !yield(v) {
				return
			}
			if isContainer {
				isObject := token == json.Delim('{')
				path = append(path, jsonLevel{isObject: isObject, needsKey: isObject, index: -1})
			}
		}
	}
}

// unknownField returns the name in encoding/json's error for a field that the input does not have.
func unknownField(err error) (name string, ok bool) {
	_, quoted, ok := strings.Cut(err.Error(), "json: unknown field ")
	if !ok {
		return "", false
	}
	name, e := strconv.Unquote(quoted)
	return name, e == nil
}

const endOfJSON = "unexpected end of JSON input" // the text of a json.SyntaxError

// jsonError returns the text for JSON that cannot be parsed or does not fit.
func jsonError(err error) (detail string) {
	if e, ok := errors.AsType[*json.SyntaxError](err); ok && err.Error() != endOfJSON {
		return fmt.Sprintf("The body is not JSON, as byte %d shows", e.Offset)
	}
	if name, ok := unknownField(err); ok {
		return fmt.Sprintf("The field %s is not known here", quote(name))
	}
	switch {
	case errors.Is(err, errTrailing):
		return "The body has text after its JSON"
	case errors.Is(err, io.EOF):
		return "The body is empty, and should be JSON"
	case errors.Is(err, io.ErrUnexpectedEOF), err.Error() == endOfJSON:
		return "The body ends in the middle of its JSON"
	}
	return "The body is JSON, but not of the expected form" // says an UnmarshalJSON or UnmarshalText
}
