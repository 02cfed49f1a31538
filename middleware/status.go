package middleware

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"

	"github.com/gin-gonic/gin"

	"example.com/turnkey/middleware/input"
)

// statusClientGone is the status that nginx logs for a request whose client has left. No client sees it.
const statusClientGone = 499

// statusOf returns the status for an error, and what visitors may read of it.
func statusOf(c *gin.Context, err error) (status int, detail string) {
	if e, ok := errors.AsType[Answerer](err); ok {
		switch code, text := e.Answer(); {
		case code >= 400 && code < 500:
			return code, text
		case code >= 500 && code <= 599:
			return code, ""
		}
		return http.StatusInternalServerError, ""
	}
	if e, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return http.StatusRequestEntityTooLarge, fmt.Sprintf("The body may have at most %d bytes", e.Limit)
	}
	if status, detail := input.Status(c, err); status != 0 {
		return status, detail
	}
	switch {
	case errors.Is(err, context.Canceled) && c.Request.Context().Err() != nil:
		return statusClientGone, ""
	case errors.Is(err, context.DeadlineExceeded):
		return http.StatusServiceUnavailable, ""
	case errors.Is(err, os.ErrDeadlineExceeded) && ofThisConnection(c.Request, err):
		return http.StatusRequestTimeout, "The request took too long to arrive"
	}
	return http.StatusInternalServerError, ""
}

// ofThisConnection reports whether a timeout is of the client's connection, because the client sends too slowly, and
// not of another server that a handler called. Timeouts of HTTP/2 have no address, and count as the client's.
func ofThisConnection(r *http.Request, err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return !ok || op.Addr != nil && op.Addr.String() == r.RemoteAddr
}

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
