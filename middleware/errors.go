package middleware

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"
)

// Answerer is an error that knows what to answer: an HTTP status from 400 on and, below 500, what visitors may read.
// What it is wrapped in, and its own Error, are for the log and for developers. Errors finds one anywhere in a chain. The
// method's name is no library's, whose errors would be taken for ours.
type Answerer interface {
	error
	Answer() (status int, text string)
}

// statusError is this package's own Answerer.
type statusError struct {
	status int
	text   string
}

func (e *statusError) Error() string                     { return e.text }
func (e *statusError) Answer() (status int, text string) { return e.status, e.text }

// Positioner is an error that knows where in the sources it was made, for developers.
type Positioner interface {
	error
	Position() (file string, line int)
}

// errPanic marks an error that was a panic, with the stack for the log.
type errPanic struct {
	value any
	stack []byte
	calls []uintptr
}

func (e *errPanic) Error() string { return fmt.Sprintf("panic: %v", e.value) }

// Errors is the one path of every error: those that a handler passes to c.Error, a panic, a template that fails, 404
// and 405 all become one clean answer here. When the first byte is out already, the connection is cut instead, so
// that a broken answer never looks complete (gin's own recovery ends it as a whole 200).
//
// With dev, browsers on this machine are told where to look: file, line and excerpt. Without, a visitor learns
// nothing of the inside.
func Errors(log *slog.Logger, dev bool) gin.HandlerFunc {
	patchGin()
	return func(c *gin.Context) {
		defer func() {
			if v := recover(); v != nil {
				if v == http.ErrAbortHandler { // net/http's own way to say: cut it
					panic(v)
				}
				calls := make([]uintptr, 64)
				c.Error(&errPanic{v, debug.Stack(), calls[:runtime.Callers(2, calls)]})
				answer(c, log, dev)
			}
		}()
		c.Next()
		if len(c.Errors) > 0 {
			answer(c, log, dev)
		}
	}
}

var (
	errNotFound = &statusError{http.StatusNotFound, "There is nothing at this address"}
	errMethod   = &statusError{http.StatusMethodNotAllowed, "This address does not take that method"}
)

// NotFound is for the engine's NoRoute.
func NotFound(c *gin.Context) {
	c.Error(errNotFound)
}

// MethodNotAllowed is for the engine's NoMethod. gin has set Allow; HEAD comes with every GET.
func MethodNotAllowed(c *gin.Context) {
	header := c.Writer.Header()
	if allow := header.Get("Allow"); strings.Contains(allow, http.MethodGet) && !strings.Contains(allow, http.MethodHead) {
		header.Set("Allow", allow+", "+http.MethodHead)
	}
	c.Error(errMethod)
}

// answer writes the last error of c, once.
func answer(c *gin.Context, log *slog.Logger, dev bool) {
	err := c.Errors.Last().Err
	status, detail := statusOf(c, err)
	written := c.Writer.Written()
	if status == statusClientGone {
		log.DebugContext(c.Request.Context(), "the client left before its answer", "error", err)
		if written && !isHead(c.Request) { // perhaps it closed its own direction alone, and reads on
			panic(http.ErrAbortHandler)
		}
		c.AbortWithStatus(status)
		return
	}
	_, panicked := errors.AsType[*errPanic](err)
	// c.AbortWithError and c.BindJSON have sent an error's header themselves, which is a whole answer, if an empty one.
	answered := written && !panicked && c.Writer.Size() <= 0 && c.Writer.Status() >= 400
	if answered {
		status = c.Writer.Status()
	}
	broken := written && !answered
	if status >= 500 || broken {
		attrs := []slog.Attr{slog.String("error", err.Error()), slog.String("method", method(c.Request)), slog.String("path", c.Request.URL.Path)}
		if p, ok := errors.AsType[Positioner](err); ok {
			attrs = append(attrs, slog.String("at", at(p.Position())))
		}
		if p, ok := errors.AsType[*errPanic](err); ok {
			attrs = append(attrs, slog.String("stack", string(p.stack)))
		}
		msg := "request failed"
		if broken {
			msg = "request failed after its first byte; the connection is cut"
		}
		log.LogAttrs(c.Request.Context(), slog.LevelError, msg, attrs...)
	}
	switch {
	case answered:
		return
	case broken:
		panic(http.ErrAbortHandler)
	}

	p := Problem{Title: http.StatusText(status), Status: status, Detail: detail, RequestID: RequestIDFrom(c.Request.Context())}
	if status < 500 {
		p.Errors = FieldErrors(err)
	}
	if dev && IsOwnMachine(c) {
		p.Debug = explainTo(c.Errors.Last())
	}
	header := c.Writer.Header()
	for _, stale := range []string{"Content-Type", "Content-Length", "Content-Encoding", "Content-Disposition", "Etag", "Last-Modified"} {
		header.Del(stale)
	}
	header.Set("Cache-Control", "no-store")
	c.Abort()
	if !prefersHTML(c.Request.Header.Get("Accept")) {
		c.Header("Content-Type", "application/problem+json")
		c.JSON(status, p)
		return
	}
	before := len(c.Errors)
	c.HTML(status, "error", p)
	if len(c.Errors) > before && !c.Writer.Written() { // the error page itself is broken
		log.ErrorContext(c.Request.Context(), "error page failed", "error", c.Errors.Last().Err)
		c.Header("Content-Type", "text/plain; charset=utf-8")
		c.String(status, "%s\n", p.Title)
	}
}

// statusClientGone is nginx's word in the access log for a request whose client left. Nobody reads the answer.
const statusClientGone = 499

// statusOf is the status to answer an error with, and what visitors may know of it.
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
		return http.StatusRequestEntityTooLarge, fmt.Sprintf("At most %d bytes are taken here", e.Limit)
	}
	if status, detail := inputError(c, err); status != 0 {
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

// ofThisConnection tells a client that sends too slowly from another server, asked by a handler, that answers too
// slowly. HTTP/2 names no address.
func ofThisConnection(r *http.Request, err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return !ok || op.Addr != nil && op.Addr.String() == r.RemoteAddr
}

// prefersHTML reads an Accept header (RFC 9110 §12.5.1) as far as errors need it: whether the client, by its own
// weights, likes text/html at least as much as JSON and asked for it by name.
func prefersHTML(accept string) bool {
	var html, json float64
	for part := range strings.SplitSeq(accept, ",") {
		media, params, _ := strings.Cut(part, ";")
		q := 1.0
		for param := range strings.SplitSeq(params, ";") {
			if name, value, _ := strings.Cut(strings.TrimSpace(param), "="); strings.EqualFold(name, "q") {
				q, _ = strconv.ParseFloat(value, 64)
			}
		}
		switch strings.ToLower(strings.TrimSpace(media)) {
		case "text/html", "application/xhtml+xml", "text/*":
			html = max(html, q)
		case "application/json", "application/problem+json", "application/*":
			json = max(json, q)
		}
	}
	return html > 0 && html >= json
}
