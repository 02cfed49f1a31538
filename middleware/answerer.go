package middleware

// Answerer is an error with the HTTP status of the response, from 400 on, and a text that visitors may read if the
// status is below 500. The chain finds it inside wrapped errors (errors.As). The text of Error is for the log and for
// developers. The method is named Answer because no library uses that name, so errors of libraries never match.
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
