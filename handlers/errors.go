package handlers

import "github.com/gin-gonic/gin"

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

// statusError is an error with the HTTP status to answer with.
type statusError struct {
	status int
	text   string
}

func (e *statusError) Error() string   { return e.text }
func (e *statusError) StatusCode() int { return e.status }

// Status makes an error that is answered with a status: c.Error(Status(404, "no such order")). Visitors read the
// text when the status is below 500; above, it is for the log. Any other error is answered with 500.
func Status(code int, text string) error { return &statusError{code, text} }
