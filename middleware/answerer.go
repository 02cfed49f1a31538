package middleware

// Answerer is an error with the HTTP status to answer it with, from 400 on, and, below 500, the text that visitors
// may read. The chain finds one anywhere in a chain of wrapped errors. What wraps it, and its own Error, are for the
// log and for developers. The method is named Answer since no library uses that name, so that errors of libraries
// never match.
//
// An Answerer may also have a method Position() (file string, line int), which tells developers where in the sources
// it was made.
type Answerer interface {
	error
	Answer() (status int, text string)
}

// positioner is an error that tells where in the sources it was made.
type positioner interface {
	error
	Position() (file string, line int)
}

// statusError is this package's own Answerer.
type statusError struct {
	status int
	text   string
}

func (e *statusError) Error() string                     { return e.text }
func (e *statusError) Answer() (status int, text string) { return e.status, e.text }
