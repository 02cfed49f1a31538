package handlers

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
