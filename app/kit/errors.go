package kit

import (
	"runtime"

	"github.com/gin-gonic/gin"

	"example.com/turnkey/middleware"
)

// E makes a gin handler of a function that returns its error, as in Express 5:
//
//	r.GET("/orders/:id", E(showOrder))
//
// What it returns takes the path of every error, and the handlers behind it do not run.
func E(f func(*gin.Context) error) gin.HandlerFunc {
	return func(c *gin.Context) {
		if err := f(c); err != nil {
			c.Error(err).SetMeta(f) // for the development page, which shows where to look
			c.Abort()
		}
	}
}

// A newer version of the closed room may want another method; then this does not compile, where it would answer 500.
var _ middleware.Answerer = (*statusError)(nil)

// statusError is an error with the HTTP status to answer with.
type statusError struct {
	status int
	text   string
	caller [1]uintptr
}

func (e *statusError) Error() string { return e.text }

// Answer is what middleware.Failures tells the visitor.
func (e *statusError) Answer() (status int, text string) { return e.status, e.text }

// Position is where Status was called.
func (e *statusError) Position() (file string, line int) {
	frame, _ := runtime.CallersFrames(e.caller[:]).Next()
	return frame.File, frame.Line
}

// Status makes an error that is answered with a status: c.Error(Status(404, "no such order")). Visitors read the
// text when the status is below 500; above, it is for the log. Any other error is answered with 500.
func Status(code int, text string) error {
	e := &statusError{status: code, text: text}
	runtime.Callers(2, e.caller[:])
	return e
}
