package middleware

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
)

// writer is the gin.ResponseWriter of a request. It remembers what accessLog and failures need to know of the response,
// and it holds back the two pages of net/http that stand for "not found", so that failures sends the site's own.
type writer struct {
	gin.ResponseWriter
	initial     int       // the status before any handler: 200, or 404 and 405 where no route matches
	failed      bool      // a Write failed, or the source of a ReadFrom
	lost        error     // of a Write, because the client has left or reads too slowly
	writes      int       // since the handler last called a Render, or since the beginning
	calls       []uintptr // the stack of the last of these, which shows whether a Render writes
	held        []byte    // the beginning of a page in netHTTPNotFound
	notFound    bool      // held is the whole of it
	hijacked    bool
	informed    http.Header // as the handler had sent it with a status of 1xx
	ownDeadline bool        // the handler has changed the write deadline
	secure      bool        // the header is still to be completed: mendDisposition, addDocumentHeaders
}

// watch returns the writer of c, which requestID has put in place, or else watch.
func watch(c *gin.Context) *writer {
	w, ok := c.Writer.(*writer)
	if !ok {
		w = &writer{ResponseWriter: c.Writer, initial: c.Writer.Status()}
		c.Writer = w
	}
	return w
}

// netHTTPNotFound are the bodies with status 404 that are not the site's: that of http.NotFound, which c.File sends for
// a missing file, and the empty list of files that r.Static sends for a folder.
var netHTTPNotFound = []string{
	"404 page not found\n",
	"<!doctype html>\n<meta name=\"viewport\" content=\"width=device-width\">\n<pre>\n</pre>\n",
}

// holds reports whether p continues a page of netHTTPNotFound. If so, it keeps p.
func (w *writer) holds(p string) bool {
	if w.Status() != http.StatusNotFound || p == "" || w.ResponseWriter.Written() {
		return false
	}
	begun := string(w.held) + p
	for _, page := range netHTTPNotFound {
		if strings.HasPrefix(page, begun) {
			w.held = append(w.held, p...)
			w.notFound = begun == page
			return true
		}
	}
	return false
}

// inform sends an informational response, such as 103 Early Hints. gin would take its status for that of the response.
func (w *writer) inform(status int) {
	if !w.ResponseWriter.Written() {
		w.informed = w.Header().Clone()
		w.server().WriteHeader(status)
	}
}

// server returns the ResponseWriter of net/http, below gin's.
func (w *writer) server() http.ResponseWriter {
	if below, ok := w.ResponseWriter.(interface{ Unwrap() http.ResponseWriter }); ok {
		return below.Unwrap()
	}
	return w.ResponseWriter
}

// release is called before the header is sent, and when the handlers are done. It completes the header, and sends what
// was held back, because it belongs to another page.
func (w *writer) release() {
	if w.informed != nil && !w.ResponseWriter.Written() {
		for name, values := range w.informed { // httputil.ReverseProxy has removed all of them
			if _, set := w.Header()[name]; !set && name != "Link" {
				w.Header()[name] = values
			}
		}
	}
	if w.secure {
		w.secure = false
		if !w.ResponseWriter.Written() {
			mendDisposition(w.Header())
			addDocumentHeaders(w.Header())
		}
	}
	if held := w.held; held != nil {
		w.held, w.notFound = nil, false
		w.ResponseWriter.Write(held)
	}
}

func (w *writer) Write(p []byte) (int, error) {
	if len(p) < 100 && w.Status() == http.StatusNotFound && w.holds(string(p)) { // string(p) is an allocation
		return len(p), nil
	}
	w.release()
	n, err := w.ResponseWriter.Write(p)
	w.wrote(err)
	return n, err
}

func (w *writer) WriteString(s string) (int, error) {
	if len(s) < 100 && w.holds(s) {
		return len(s), nil
	}
	w.release()
	n, err := w.ResponseWriter.WriteString(s)
	w.wrote(err)
	return n, err
}

// ReadFrom is called by io.Copy, as for c.DataFromReader. So a source that fails is seen here.
func (w *writer) ReadFrom(src io.Reader) (int64, error) {
	n, err := io.Copy(struct{ io.Writer }{w}, src)
	w.failed = w.failed || isFailure(err)
	return n, err
}

// WriteHeader is called by each Render of gin, and so by a second one for a response that has begun.
func (w *writer) WriteHeader(status int) {
	switch {
	case status > 0 && status < 100, status > 999:
		// net/http panics too, but only when the response seems to have begun.
		panic(fmt.Errorf("%d is no status of HTTP", status))
	case status >= 100 && status < 200 && status != http.StatusSwitchingProtocols:
		w.inform(status)
		return
	case w.Written() && status == w.Status():
		w.writes, w.calls = 0, nil
	}
	w.ResponseWriter.WriteHeader(status)
}

// isFailure reports whether err leaves half a response. What net/http does not send after 204 or 304 is missed by no
// client.
func isFailure(err error) bool { return err != nil && !errors.Is(err, http.ErrBodyNotAllowed) }

// inOneWrite are the types of most responses. gin renders them in a single Write.
var inOneWrite = []string{"application/json", "text/plain", "text/html"}

func (w *writer) wrote(err error) {
	w.writes++
	if isFailure(err) {
		w.failed = true
		if !errors.Is(err, http.ErrContentLength) && !errors.Is(err, http.ErrHijacked) {
			w.lost = err
		}
	}
	media, _, _ := strings.Cut(w.Header().Get("Content-Type"), ";")
	if w.writes == 1 && slices.Contains(inOneWrite, media) || w.Header()["Content-Length"] != nil {
		return
	}
	if w.calls == nil {
		w.calls = make([]uintptr, 64)
	}
	w.calls = w.calls[:runtime.Callers(3, w.calls[:cap(w.calls)])]
}

// endsInRender reports whether a Render wrote last, or was called last and wrote nothing, of those that can fail after
// their first byte: that of c.XML, and those of other packages than gin's. gin's others render into memory, and a
// source that fails in c.DataFromReader is seen by ReadFrom.
func (w *writer) endsInRender() bool {
	if w.writes == 0 {
		return true
	}
	if len(w.calls) == 0 {
		return false
	}
	frames, callee := runtime.CallersFrames(w.calls), ""
	for {
		frame, more := frames.Next()
		switch {
		case frame.Function == "encoding/xml.(*Encoder).Encode" && callee == "bufio.(*Writer).Flush":
			return false // all of the XML
		case strings.HasSuffix(frame.Function, "/gin.(*Context).Render"):
			return !strings.Contains(callee, "/gin/render.") || strings.Contains(callee, "/gin/render.XML.")
		}
		if callee = frame.Function; !more {
			return false
		}
	}
}

func (w *writer) Written() bool { return w.held != nil || w.ResponseWriter.Written() }

func (w *writer) WriteHeaderNow() {
	w.release()
	w.ResponseWriter.WriteHeaderNow()
}

func (w *writer) Flush() {
	w.release()
	w.ResponseWriter.Flush()
}

func (w *writer) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	if _, ok := w.server().(http.Hijacker); !ok { // gin would panic
		return nil, nil, fmt.Errorf("only a connection of HTTP/1.1 can be taken over: %w", http.ErrNotSupported)
	}
	conn, rw, err := w.ResponseWriter.Hijack()
	w.hijacked = w.hijacked || err == nil
	return conn, rw, err
}

// Status returns 101 for a connection that a handler took over: most WebSocket libraries write that themselves.
func (w *writer) Status() int {
	if status := w.ResponseWriter.Status(); !w.hijacked || status != http.StatusOK {
		return status
	}
	return http.StatusSwitchingProtocols
}

// SetWriteDeadline is called by http.ResponseController, as kit.Stream uses it.
func (w *writer) SetWriteDeadline(t time.Time) error {
	w.ownDeadline = true
	return http.NewResponseController(w.ResponseWriter).SetWriteDeadline(t)
}

func (w *writer) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// timedOut returns the server's write timeout if it cut off the response, or else 0.
func (w *writer) timedOut(r *http.Request, took time.Duration) time.Duration {
	srv, ok := r.Context().Value(http.ServerContextKey).(*http.Server)
	if !ok || w.ownDeadline || w.hijacked || srv.WriteTimeout <= 0 || took < srv.WriteTimeout {
		return 0
	}
	return srv.WriteTimeout
}
