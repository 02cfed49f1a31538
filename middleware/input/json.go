package input

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
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
		values := scanJSON(data)
		i := sort.Search(len(values), func(i int) bool { return int64(values[i].decided) >= e.Offset })
		if i == len(values) {
			return nil
		}
		rule, param := typeRule(e)
		return []FieldError{newField(values[i].pointer, rule, param, "")}
	}
	if name, ok := unknownField(err); ok {
		var found []jsonValue
		for _, v := range scanJSON(data) {
			if strings.HasSuffix(v.pointer, "/"+escapePointer(name)) {
				found = append(found, v)
			}
		}
		if len(found) == 1 {
			return []FieldError{newField(found[0].pointer, "unknown", "", "")}
		}
		return nil
	}
	if _, syntax := errors.AsType[*json.SyntaxError](err); syntax || err == errTrailing || !json.Valid(data) {
		return nil
	}
	return d.refusedBy(data, in, err)
}

// refusedBy returns the field that an UnmarshalJSON or UnmarshalText refuses. Their errors name none, so it is sought:
// the error is there as long as the field is, while more and more of the last values are replaced by null.
func (d *jsonDecoder) refusedBy(data []byte, in any, err error) []FieldError {
	t := reflect.TypeOf(in)
	if t == nil || t.Kind() != reflect.Pointer {
		return nil
	}
	var leaves []jsonValue
	for _, v := range scanJSON(data) {
		if v.end > 0 {
			leaves = append(leaves, v)
		}
	}
	fails := func(n int) bool { // with the first n values
		var doc []byte
		at := 0
		for _, v := range leaves[n:] {
			doc = append(append(doc, data[at:v.start]...), "null"...)
			at = v.end
		}
		return d.decode(append(doc, data[at:]...), reflect.New(t.Elem()).Interface()) != nil
	}
	n := sort.Search(len(leaves)+1, fails)
	if n == 0 || n > len(leaves) {
		return nil
	}
	return []FieldError{valueField(leaves[n-1].pointer, err)}
}

// jsonValue is a value in a JSON text.
type jsonValue struct {
	pointer    string
	start, end int // of a value that is neither object nor array; else 0
	decided    int // where encoding/json has seen of which kind the value is
}

// scanJSON returns every value of a valid JSON text, in order. It stops at the first error.
func scanJSON(data []byte) (values []jsonValue) {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	type level struct {
		path  string
		index int  // of the next item; -1 in an object
		isKey bool // the next token of an object is a key
		key   string
	}
	stack := []level{{path: "#", index: -1}}
	for {
		token, err := dec.Token()
		if err != nil {
			return values
		}
		top := &stack[len(stack)-1]
		if d, ok := token.(json.Delim); ok && (d == '}' || d == ']') {
			stack = stack[:len(stack)-1]
			continue
		}
		if top.isKey {
			top.key, top.isKey = token.(string), false
			continue
		}
		path := top.path
		switch {
		case top.index >= 0:
			path += "/" + strconv.Itoa(top.index)
			top.index++
		case len(stack) > 1:
			path += "/" + escapePointer(top.key)
			top.isKey = true
		}
		end := int(dec.InputOffset())
		v := jsonValue{pointer: path, decided: end}
		switch token {
		case json.Delim('{'):
			stack = append(stack, level{path: path, index: -1, isKey: true})
		case json.Delim('['):
			stack = append(stack, level{path: path})
		default:
			v.end, v.start = end, literalStart(data, token, end)
		}
		values = append(values, v)
	}
}

// literalStart returns where the literal begins that ends at end.
func literalStart(data []byte, token json.Token, end int) int {
	if _, isString := token.(string); !isString {
		return bytes.LastIndexAny(data[:end], " \t\r\n:,[") + 1
	}
	for i := end - 2; i >= 0; i-- {
		if data[i] != '"' {
			continue
		}
		slashes := 0
		for ; i-slashes > 0 && data[i-slashes-1] == '\\'; slashes++ {
		}
		if slashes%2 == 0 {
			return i
		}
	}
	return 0
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

// jsonError returns the text for JSON that cannot be parsed or does not fit.
func jsonError(err error) (detail string) {
	if e, ok := errors.AsType[*json.SyntaxError](err); ok {
		return fmt.Sprintf("The body is not JSON, as byte %d shows", e.Offset)
	}
	if name, ok := unknownField(err); ok {
		return fmt.Sprintf("The field %s is not known here", quote(name))
	}
	switch {
	case errors.Is(err, errTrailing):
		return "The body goes on after its JSON"
	case errors.Is(err, io.EOF):
		return "The body is empty, and should be JSON"
	case errors.Is(err, io.ErrUnexpectedEOF):
		return "The body ends in the middle of its JSON"
	}
	return "The body is JSON, but not what is wanted here" // says an UnmarshalJSON or UnmarshalText
}
