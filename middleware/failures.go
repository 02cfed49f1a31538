package middleware

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"reflect"
	"runtime"
	rundebug "runtime/debug"

	"github.com/gin-gonic/gin"

	"example.com/turnkey/middleware/input"
)

// failures answers every error: those that a handler passes to c.Error, a panic, a template that fails, 404 and 405. It
// sends the site's own 404 in place of net/http's, as for c.File of a missing file.
//
// A response that the handler has sent is kept, and the error is logged. If that response is broken, failures cuts the
// connection, so that it never looks complete: after a panic, after a write or a source that failed, and for an error
// that a function of kit.E returned after it began a response of 2xx. gin's own recovery ends it as if it were whole.
//
// In development, browsers on this machine are shown file, line and excerpt. Other visitors get no details.
func failures(log *slog.Logger, development bool, pages ErrorPages) gin.HandlerFunc {
	render := &pageRenderer{ErrorPages: pages, log: log, development: development}
	answer := func(c *gin.Context, w *writer) {
		f := decide(c, w)
		f.log(c, log, development)
		f.write(c, render)
	}
	return func(c *gin.Context) {
		w := watch(c)
		defer func() {
			v := recover()
			if v == nil {
				return
			}
			if v == http.ErrAbortHandler { // the handler asks net/http to cut the connection
				panic(v)
			}
			c.Error(newPanicError(v))
			answer(c, w)
		}()
		c.Next()
		switch {
		case w.notFound:
			c.Error(errNotFound)
			answer(c, w)
		case len(c.Errors) > 0:
			answer(c, w)
		case w.failed && w.Status() < 300 && !isHead(c.Request): // the handler has not noticed
			panic(http.ErrAbortHandler)
		}
		w.release()
	}
}

// panicError is a panic as an error, with the stack for the log.
type panicError struct {
	value any
	stack []byte
	calls []uintptr
}

// newPanicError is called by the deferred function that recovered.
func newPanicError(value any) *panicError {
	calls := make([]uintptr, 64)
	return &panicError{value, rundebug.Stack(), calls[:runtime.Callers(3, calls)]}
}

func (e *panicError) Error() string { return fmt.Sprintf("panic: %v", e.value) }

// failure is the decision about a request that failed.
type failure struct {
	err    *gin.Error
	status int
	detail string // what visitors may read
	ours   bool   // the error is the server's fault, whatever the status is
	end    ending
}

// ending is how the response to a failed request ends.
type ending int

const (
	respond  ending = iota // nothing has been sent yet: send a Problem
	complete               // the handler has sent a response: leave it
	cut                    // the handler has sent a part of a response: cut the connection
)

// Remark is the Meta of an error that a handler recorded by c.Error and that did not end it. kit.E sets it.
type Remark struct{}

// decide decides about the last error of c, which determines the response.
func decide(c *gin.Context, w *writer) failure {
	f := failure{err: c.Errors.Last()}
	_, panicked := errors.AsType[*panicError](f.err.Err)
	returned := reflect.ValueOf(f.err.Meta).Kind() == reflect.Func // kit.E sets its function
	f.err.Err = input.Clarify(c, f.err.Err)
	if f.status, f.detail = statusOf(c, f.err.Err); w.lost != nil && errors.Is(f.err.Err, w.lost) {
		f.status = statusClientGone
	}
	f.ours = f.status >= 500
	status := w.Status()
	switch {
	case w.notFound:
		w.held, w.notFound = nil, false
	case !w.Written():
		if !panicked && !returned && keepsStatus(c, w, f.err) {
			f.end = complete
		} else if f.status == http.StatusInternalServerError && status >= 400 && status != w.initial {
			f.status = status // as in Express: the status that the handler has set, for an error that has none
		}
	case f.status == statusClientGone && status < 300:
		// A client may have closed only its own direction and still read: cut what it reads. HEAD has no body to cut.
		if f.end = cut; isHead(c.Request) {
			f.end = complete
		}
	case panicked, status >= 200 && status < 300 && status != http.StatusNoContent &&
		(returned || w.failed || isHalf(c, w, f.err)):
		f.end = cut
	default:
		f.end = complete
	}
	return f
}

// keepsStatus reports whether the handler answered without a body before or after it recorded err: by c.Redirect for a
// POST, or by c.Status(204). A Render that fails before its first byte has set a status too, and has called c.Abort.
func keepsStatus(c *gin.Context, w *writer, err *gin.Error) bool {
	switch status := w.Status(); {
	case status == w.initial, status >= 400:
		return false
	case status >= 300:
		return true
	}
	return !c.IsAborted() || err.Meta == Remark{}
}

// isHalf reports whether err is of a Render of gin that failed after its first byte. gin records it as a handler does,
// by c.Error and c.Abort. net/http itself cuts a half response that has a Content-Length.
func isHalf(c *gin.Context, w *writer, err *gin.Error) bool {
	return c.IsAborted() && err.Meta != (Remark{}) && w.Header().Get("Content-Length") == "" && w.endsInRender()
}

// log writes a line for a fault of the server, for a response that is cut, and for an error beside a response that
// is kept. What a client sent wrong has no line, except in development: the page that visitors get does not say where a
// handler refused.
func (f failure) log(c *gin.Context, log *slog.Logger, development bool) {
	ctx, err := c.Request.Context(), f.err.Err
	if f.status == statusClientGone {
		log.DebugContext(ctx, "the client left before its answer", "error", err)
		return
	}
	sent := c.Writer.Status()
	if !f.ours && f.end != cut && !(f.end == complete && sent >= 500) {
		if p, ok := errors.AsType[positioner](err); ok && development {
			log.InfoContext(ctx, "request refused", "error", err, "status", f.status, "path", c.Request.URL.Path,
				"at", at(p.Position()))
		}
		return
	}
	attrs := []slog.Attr{
		slog.String("error", err.Error()),
		slog.String("method", method(c.Request)),
		slog.String("path", c.Request.URL.Path),
	}
	if p, ok := errors.AsType[positioner](err); ok {
		attrs = append(attrs, slog.String("at", at(p.Position())))
	}
	if p, ok := errors.AsType[*panicError](err); ok {
		attrs = append(attrs, slog.String("stack", string(p.stack)))
	}
	message, level := "request failed", slog.LevelError
	switch {
	case f.end == cut:
		message = "request failed after its first byte; the connection is cut"
	case f.end == complete && sent < 500, f.end == respond && f.status < 500:
		message, level = "a handler's error that the response does not show", slog.LevelWarn
	}
	log.LogAttrs(ctx, level, message, attrs...)
}

// write ends the response. To cut the connection it panics with http.ErrAbortHandler.
func (f failure) write(c *gin.Context, render *pageRenderer) {
	switch {
	case f.end == cut:
		panic(http.ErrAbortHandler)
	case f.end == complete:
		return
	case f.status == statusClientGone:
		c.AbortWithStatus(f.status)
		return
	}
	c.Abort()
	header := c.Writer.Header()
	for _, name := range bodyHeaders {
		header.Del(name)
	}
	header.Set("Cache-Control", "no-store")
	if f.status == http.StatusServiceUnavailable && header.Get("Retry-After") == "" {
		header.Set("Retry-After", "10") // seconds, for clients that would try again at once (RFC 9110 §10.2.3)
	}
	p := f.problem(c)
	if prefersHTML(c.Request.Header.Get("Accept")) {
		render.write(c, p, f.err)
		return
	}
	if render.development && IsOwnMachine(c) {
		p.Debug = newDebug(f.err)
	}
	header.Set("Content-Type", "application/problem+json")
	c.JSON(f.status, p)
}

// bodyHeaders describe the body that the handler meant to send.
var bodyHeaders = []string{
	"Content-Type", "Content-Length", "Content-Encoding", "Content-Disposition", "Etag", "Last-Modified",
	"Content-Language", "Content-Range", "Accept-Ranges", "Location",
}
