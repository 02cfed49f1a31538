package kit

import (
	"fmt"
	"runtime"

	"github.com/gin-gonic/gin"

	"example.com/turnkey/middleware"
)

// E turns a function that returns an error into a gin handler, as in Express 5:
//
//	r.GET("/orders/:id", E(showOrder))
//
// A returned error is answered by the middleware, as every error is. The handlers after this one run only if f
// neither returned an error nor answered: it set no status, no Location and no body. So a function that guards a group
// lets a request through by answering nothing, as a middleware of Express does by calling next.
//
//go:noinline
func E(f func(*gin.Context) error) gin.HandlerFunc {
	at := &statusError{}
	runtime.Callers(2, at.caller[:])
	return func(c *gin.Context) {
		if c == nil { // the server asks where a route was registered
			panic(at)
		}
		status, location, errs := c.Writer.Status(), c.Writer.Header().Get("Location"), len(c.Errors)
		if err := f(c); err != nil {
			c.Error(err).SetMeta(f) // the development page shows where f is
			c.Abort()
			return
		}
		if c.IsAborted() || !c.Writer.Written() && c.Writer.Status() == status &&
			c.Writer.Header().Get("Location") == location {
			return
		}
		if len(c.Errors) > errs {
			c.Errors.Last().SetMeta(middleware.Remark{})
		}
		c.Abort()
	}
}

// The middleware finds the status through this interface. If a newer middleware wants another method, this line
// does not compile. Without it every Status would be answered 500.
var _ middleware.Answerer = (*statusError)(nil)

// statusError is an error with the HTTP status to answer with.
type statusError struct {
	status int
	text   string
	caller [1]uintptr
}

func (e *statusError) Error() string { return e.text }

// Answer implements middleware.Answerer.
func (e *statusError) Answer() (status int, text string) { return e.status, e.text }

// Position returns where Status or E was called, for the development page.
func (e *statusError) Position() (file string, line int) {
	frame, _ := runtime.CallersFrames(e.caller[:]).Next()
	return frame.File, frame.Line
}

// Status returns an error that is answered with an HTTP status: c.Error(Status(404, "no such order")). Visitors read
// the text if the status is below 500. From 500 on, only the log has it. An error without a status, or with a code that
// is no error's, is answered 500.
func Status(code int, text string) error {
	if code < 400 || code > 599 {
		text = fmt.Sprintf("kit.Status(%d, %q) is no error: call c.Status(%[1]d), or another method of c, and return nil",
			code, text)
	}
	e := &statusError{status: code, text: text}
	runtime.Callers(2, e.caller[:])
	return e
}
