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

// inputBody is a request's body. It marks the errors of reading it, and remembers of what was read as much as telling the
// client's faults from those of the server needs: the parsers' errors do not say whose text they are about.
type inputBody struct {
	io.ReadCloser
	form   formCheck
	isForm bool
	keeps  bool   // its type is one that a route asked for beside JSON and forms
	kept   []byte // its first keptBody bytes, if keeps

	calls  [32]uintptr // of the first Read, which tell which of gin's parsers reads
	nCalls int
}

const keptBody = 64 << 10

const inputBodyKey = "middleware.inputBody" // in the gin.Context

// newInputBody puts itself before the body of c.
func newInputBody(c *gin.Context) *inputBody {
	b := &inputBody{ReadCloser: c.Request.Body}
	media, _, _ := mime.ParseMediaType(c.Request.Header.Get("Content-Type"))
	b.isForm = media == "application/x-www-form-urlencoded"
	b.keeps = hasOtherParser(media)
	c.Set(inputBodyKey, b)
	return b
}

// inputBodyOf is nil where there is no body.
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
	if err != nil && err != io.EOF && !errors.Is(err, http.ErrBodyReadAfterClose) { // the last is the handler's own fault
		err = readErr{err}
	}
	return n, err
}

// malformed reports whether what was read is a form that net/url refuses. A nil body is none.
func (b *inputBody) malformed() bool { return b != nil && b.isForm && b.form.malformed() }

// holds reports whether text was in the body. A nil body holds none.
func (b *inputBody) holds(text string) bool {
	return b != nil && text != "" && bytes.Contains(b.kept, []byte(text))
}

// hasOtherReader reports whether one of gin's parsers read it that is neither JSON's nor a form's, because the route asked for
// the type or because the handler called c.ShouldBindXML or the like. gin offers no place to ask but the stack.
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
			if !other || !strings.HasSuffix(name, ".shouldbindbodywith") { // that one's caller is the one that names the parser
				return other
			}
		}
		if !more {
			return b.keeps
		}
	}
}

// formCheck finds in a form, as it passes, what url.ParseQuery refuses: broken escapes, semicolons, and too many fields.
type formCheck struct {
	digits int // hexadecimal ones that the last % still wants
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
