package middleware

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime"
	rundebug "runtime/debug"

	"github.com/gin-gonic/gin"

	"example.com/turnkey/middleware/input"
)

// Failures answers every error: those that a handler passes to c.Error, a panic, a template that fails, 404 and 405.
// If a part of the response has been written already, Failures cuts the connection, so that a broken response never
// looks complete. gin's own recovery ends it as if it were whole.
//
// In development, browsers on this machine are shown where to look: file, line and excerpt. Other visitors learn
// nothing of the inside.
//
// A custom order calls input.PatchGin too, as Chain does. Without it, Failures takes some faults of clients for the
// server's.
func Failures(log *slog.Logger, development bool) gin.HandlerFunc {
	answer := func(c *gin.Context) {
		f := decide(c)
		f.log(c, log)
		f.write(c, log, development)
	}
	return func(c *gin.Context) {
		defer func() {
			v := recover()
			if v == nil {
				return
			}
			if v == http.ErrAbortHandler { // the handler asks net/http to cut the connection
				panic(v)
			}
			calls := make([]uintptr, 64)
			c.Error(&panicError{v, rundebug.Stack(), calls[:runtime.Callers(2, calls)]})
			answer(c)
		}()
		c.Next()
		if len(c.Errors) > 0 {
			answer(c)
		}
	}
}

// panicError is a panic as an error, with the stack for the log.
type panicError struct {
	value any
	stack []byte
	calls []uintptr
}

func (e *panicError) Error() string { return fmt.Sprintf("panic: %v", e.value) }

// failure is the decision about a request that failed.
type failure struct {
	err    *gin.Error
	status int
	detail string // what visitors may read
	end    ending
}

// ending is how the response to a failed request ends.
type ending int

const (
	respond  ending = iota // nothing has been written yet: send a Problem
	complete               // the handler has written the response of an error: leave it
	cut                    // the handler has written a part of another response: cut the connection
)

// decide decides about the last error of c, which is the one that is answered.
func decide(c *gin.Context) failure {
	f := failure{err: c.Errors.Last()}
	f.status, f.detail = statusOf(c, f.err.Err)
	if !c.Writer.Written() {
		return f
	}
	_, panicked := errors.AsType[*panicError](f.err.Err)
	switch {
	case f.status == statusClientGone:
		// A client may have closed only its own direction and still read: cut what it reads. HEAD has no body to cut.
		if !isHead(c.Request) {
			f.end = cut
		}
	case !panicked && c.Writer.Size() <= 0 && c.Writer.Status() >= 400:
		// c.AbortWithError and c.BindJSON have written the status: that is a complete response without a body.
		f.end, f.status = complete, c.Writer.Status()
	default:
		f.end = cut
	}
	return f
}

// log writes a line for what is the server's fault, and for a response that is cut.
func (f failure) log(c *gin.Context, log *slog.Logger) {
	ctx, err := c.Request.Context(), f.err.Err
	if f.status == statusClientGone {
		log.DebugContext(ctx, "the client left before its answer", "error", err)
		return
	}
	if f.status < 500 && f.end != cut {
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
	message := "request failed"
	if f.end == cut {
		message = "request failed after its first byte; the connection is cut"
	}
	log.LogAttrs(ctx, slog.LevelError, message, attrs...)
}

// write ends the response. To cut the connection it panics with http.ErrAbortHandler.
func (f failure) write(c *gin.Context, log *slog.Logger, development bool) {
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
	p := f.problem(c, development)
	if prefersHTML(c.Request.Header.Get("Accept")) {
		writePage(c, log, p)
		return
	}
	header.Set("Content-Type", "application/problem+json")
	c.JSON(f.status, p)
}

// bodyHeaders describe the body that the handler meant to send.
var bodyHeaders = []string{
	"Content-Type", "Content-Length", "Content-Encoding", "Content-Disposition", "Etag", "Last-Modified",
}

func (f failure) problem(c *gin.Context, development bool) Problem {
	p := Problem{
		Title: http.StatusText(f.status), Status: f.status, Detail: f.detail,
		RequestID: RequestIDFrom(c.Request.Context()),
	}
	if f.status < 500 {
		p.Errors = input.FieldErrors(f.err.Err)
	}
	if development && IsOwnMachine(c) {
		p.Debug = newDebug(f.err)
	}
	return p
}

// writePage sends the page "error", or its title alone if that page fails too.
func writePage(c *gin.Context, log *slog.Logger, p Problem) {
	before := len(c.Errors)
	c.HTML(p.Status, "error", p)
	if len(c.Errors) > before && !c.Writer.Written() {
		log.ErrorContext(c.Request.Context(), "error page failed", "error", c.Errors.Last().Err)
		c.Header("Content-Type", "text/plain; charset=utf-8")
		c.String(p.Status, "%s\n", p.Title)
	}
}
