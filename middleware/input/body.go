package input

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"reflect"
	"runtime"
	"strings"

	"github.com/gin-gonic/gin"
	"github.com/gin-gonic/gin/binding"
)

// readError marks an error of reading a request's body: the body is cut, badly chunked, or its connection was reset.
type readError struct{ error }

func (e readError) Unwrap() error { return e.error }

// body is a request's body. It marks the errors of reading it. It also remembers what Status needs to tell the
// client's faults from the server's, because the errors of parsers do not say where the text came from.
type body struct {
	io.ReadCloser
	form   formCheck
	isForm bool
	keeps  bool   // gin has a parser for its type that is neither JSON's nor a form's
	isOwn  bool   // the handler itself reads it, as a whole or with a json.Decoder
	kept   []byte // its first maxKept bytes, if keeps or isOwn
	came   bool   // a byte of it that is not white space has been read
	ended  bool   // it has been read to its end, and was not empty or white space

	calls  [32]uintptr // the stack of the first Read, which shows which of gin's parsers reads
	nCalls int
}

// maxKept is how much of a body is kept: the value that a parser refuses is sought in it.
const maxKept = 64 << 10

const bodyKey = "middleware/input.body" // in the gin.Context

// Watch returns the request's body as a reader that remembers what Status needs to know. The caller has to put it in
// place of the body, so that handlers read from it.
func Watch(c *gin.Context) io.ReadCloser {
	b := &body{ReadCloser: c.Request.Body}
	media, _, _ := mime.ParseMediaType(c.Request.Header.Get("Content-Type"))
	b.isForm = media == "application/x-www-form-urlencoded"
	b.keeps = HasOtherParser(media)
	c.Set(bodyKey, b)
	return b
}

// bodyOf returns the watched body of c, or nil if there is none.
func bodyOf(c *gin.Context) *body {
	b, _ := c.Value(bodyKey).(*body)
	return b
}

func (b *body) Read(p []byte) (int, error) {
	if b.nCalls == 0 {
		b.nCalls = runtime.Callers(2, b.calls[:])
		b.isOwn = isOwn(b.calls[1:3]) // the first is MaxBytesReader
	}
	n, err := b.ReadCloser.Read(p)
	b.came = b.came || len(bytes.Trim(p[:n], " \t\r\n")) > 0 // white space alone is no JSON
	b.ended = b.came && err == io.EOF
	if b.isForm {
		b.form.write(p[:n])
	}
	if b.keeps || b.isOwn {
		b.kept = append(b.kept, p[:min(n, maxKept-len(b.kept))]...)
	}
	// Reading after Close is the handler's fault.
	if err != nil && err != io.EOF && !errors.Is(err, http.ErrBodyReadAfterClose) {
		err = readError{err}
	}
	return n, err
}

// malformed reports whether the body is a form that net/url refuses, as far as it was read. b may be nil.
func (b *body) malformed() bool { return b != nil && b.isForm && b.form.malformed() }

// holds reports whether text is in the kept part of the body. b may be nil.
func (b *body) holds(text string) bool {
	return b != nil && text != "" && bytes.Contains(b.kept, []byte(text))
}

// isOwn reports whether a Read with these callers is of a handler that reads the body itself and may take it for JSON.
func isOwn(calls []uintptr) bool {
	switch name := runtime.FuncForPC(calls[0] - 1).Name(); name {
	case "encoding/json.(*Decoder).refill":
		return true
	case "io.ReadAll":
		return !strings.HasSuffix(runtime.FuncForPC(calls[1]-1).Name(), ".(*jsonDecoder).Decode") // gin's, by PatchGin
	}
	return false
}

// refusedJSON returns err with a mark if the body is JSON that the handler itself decoded, with that error: if it is
// refused again, or if err names a field of it. Other JSON, such as another server's, is not the client's fault. b may
// be nil.
func (b *body) refusedJSON(err error) error {
	if b == nil || !b.isOwn {
		return err
	}
	fields := (&jsonDecoder{}).fields(b.kept, nil, err)
	var value json.RawMessage
	for _, again := range []error{json.NewDecoder(bytes.NewReader(b.kept)).Decode(&value), json.Unmarshal(b.kept, &value)} {
		if fields != nil || again != nil && again.Error() == err.Error() {
			return jsonMark{err, fields}
		}
	}
	return err
}

// hasOtherReader reports whether a parser of gin other than those of JSON and forms read the body: the route takes
// the type, or the handler called c.ShouldBindXML or the like. gin does not tell which parser it chose, so this looks
// at the stack.
func (b *body) hasOtherReader() bool {
	if b == nil || b.nCalls == 0 {
		return false
	}
	frames := runtime.CallersFrames(b.calls[:b.nCalls])
	for {
		frame, more := frames.Next()
		name := strings.ToLower(frame.Function)
		if strings.Contains(name, "/gin/binding.") || strings.Contains(name, "/gin.(*context).shouldbindbodywith") {
			other := !strings.Contains(name, "json") && !strings.Contains(name, "form")
			if !other || !strings.HasSuffix(name, ".shouldbindbodywith") { // its caller's name has the parser
				return other
			}
		}
		if !more {
			return b.keeps
		}
	}
}

// formCheck finds what url.ParseQuery refuses in a form while it is read: broken escapes, semicolons, and too many
// fields.
type formCheck struct {
	digits int // how many hexadecimal digits still have to follow the last %
	fields int
	broken bool
}

const maxFields = 10000 // url.ParseQuery takes no more

func (f *formCheck) write(p []byte) {
	for _, b := range p {
		switch {
		case f.digits > 0 && !isHex(b), b == ';':
			f.broken = true
		case f.digits > 0:
			f.digits--
		case b == '%':
			f.digits = 2
		case b == '&':
			f.fields++
		}
	}
}

func (f *formCheck) malformed() bool { return f.broken || f.digits > 0 || f.fields >= maxFields }

func isHex(b byte) bool {
	return '0' <= b && b <= '9' || 'a' <= b && b <= 'f' || 'A' <= b && b <= 'F'
}

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
