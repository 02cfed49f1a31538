package middleware

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"net/http"
	"runtime"
	"strings"

	"github.com/gin-gonic/gin"
)

// readErr marks an error as that of reading a request's body: cut, badly chunked, reset.
type readErr struct{ error }

func (e readErr) Unwrap() error { return e.error }

// inputBody is a request's body. It marks the errors of reading it. It also remembers what is needed to tell the client's faults
// from the server's, because the errors of parsers do not say where the text came from.
type inputBody struct {
	io.ReadCloser
	form   formCheck
	isForm bool
	keeps  bool   // its type is neither JSON nor a form, and the route is in BodyTypes
	kept   []byte // its first keptBody bytes, if keeps

	calls  [32]uintptr // the stack of the first Read, which shows which of gin's parsers reads
	nCalls int
}

const keptBody = 64 << 10

const inputBodyKey = "middleware.inputBody" // in the gin.Context

// newInputBody wraps the body of c, and keeps itself in c for inputBodyOf.
func newInputBody(c *gin.Context) *inputBody {
	b := &inputBody{ReadCloser: c.Request.Body}
	media, _, _ := mime.ParseMediaType(c.Request.Header.Get("Content-Type"))
	b.isForm = media == "application/x-www-form-urlencoded"
	b.keeps = hasOtherParser(media)
	c.Set(inputBodyKey, b)
	return b
}

// inputBodyOf is the inputBody of c, or nil if the request has no body.
func inputBodyOf(c *gin.Context) *inputBody {
	b, _ := c.Value(inputBodyKey).(*inputBody)
	return b
}

func (b *inputBody) Read(p []byte) (int, error) {
	if b.nCalls == 0 {
		b.nCalls = runtime.Callers(2, b.calls[:])
	}
	n, err := b.ReadCloser.Read(p)
	if b.isForm {
		b.form.write(p[:n])
	}
	if b.keeps {
		b.kept = append(b.kept, p[:min(n, keptBody-len(b.kept))]...)
	}
	if err != nil && err != io.EOF && !errors.Is(err, http.ErrBodyReadAfterClose) { // reading after Close is the handler's fault
		err = readErr{err}
	}
	return n, err
}

// malformed reports whether the body is a form that net/url refuses, as far as it was read. It may be nil.
func (b *inputBody) malformed() bool { return b != nil && b.isForm && b.form.malformed() }

// holds reports whether text is in the kept part of the body. It may be nil.
func (b *inputBody) holds(text string) bool {
	return b != nil && text != "" && bytes.Contains(b.kept, []byte(text))
}

// hasOtherReader reports whether a parser of gin other than those of JSON and forms read the body. The route can have the type in
// BodyTypes, or the handler can have called c.ShouldBindXML or the like. gin does not tell which, so this looks at the stack.
func (b *inputBody) hasOtherReader() bool {
	if b == nil || b.nCalls == 0 {
		return false
	}
	frames := runtime.CallersFrames(b.calls[:b.nCalls])
	for {
		frame, more := frames.Next()
		name := strings.ToLower(frame.Function)
		if strings.Contains(name, "/gin/binding.") || strings.Contains(name, "/gin.(*context).shouldbindbodywith") {
			other := !strings.Contains(name, "json") && !strings.Contains(name, "form")
			if !other || !strings.HasSuffix(name, ".shouldbindbodywith") { // else the caller's name has the parser
				return other
			}
		}
		if !more {
			return b.keeps
		}
	}
}

// formCheck finds what url.ParseQuery refuses in a form while it is read: broken escapes, semicolons, and too many fields.
type formCheck struct {
	digits int // how many hexadecimal digits still have to follow the last %
	fields int
	broken bool
}

const maxFields = 10000 // of url.ParseQuery

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
