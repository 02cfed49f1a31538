package middleware

import (
	"net/http"
	"runtime"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"
	"github.com/gin-gonic/gin/render"
)

// inOnePiece reports whether gin writes a response of that Content-Type in a single Write: JSON, text, a page.
func inOnePiece(contentType []string) bool {
	media, _, _ := strings.Cut(strings.Join(contentType, ","), ";")
	return slices.Contains([]string{"application/json", "text/plain", "text/html"}, media)
}

// begin is called before each Write. At the first one of a 2xx it finds out whether a Render of the site's own writes,
// such as that of another template engine: its failures after that are gin's to record, see isHalf. Only the stack
// shows it. To look there takes a microsecond, so responses that gin renders, or that have a length, are passed over.
func (w *writer) begin() {
	if w.writes > 0 || w.Status() >= 300 {
		return
	}
	header := w.Header()
	media := header["Content-Type"]
	if len(media) != 1 || slices.Contains(ginsTypes, &media[0]) || header["Content-Length"] != nil || !inOnePiece(media) {
		return
	}
	var calls [32]uintptr
	frames := runtime.CallersFrames(calls[:runtime.Callers(3, calls[:])])
	rendered := false
	for {
		frame, more := frames.Next()
		if rendered { // by c.JSON, c.HTML and so on, or by the handler's c.Render
			w.ownRender = !strings.HasPrefix(frame.Function, "github.com/gin-gonic/gin.(*Context).")
			return
		}
		if rendered = frame.Function == "github.com/gin-gonic/gin.(*Context).Render"; !more {
			return
		}
	}
}

// ginsTypes are the values of Content-Type that gin shares between the responses that it writes in one piece.
var ginsTypes = []*string{sharedType(render.JSON{}), sharedType(render.String{}), sharedType(render.HTML{})}

func sharedType(r render.Render) *string {
	w := headerOnly{header: http.Header{}}
	r.WriteContentType(w)
	return &w.header["Content-Type"][0]
}

// headerOnly is an http.ResponseWriter for nothing but a header.
type headerOnly struct {
	gin.ResponseWriter
	header http.Header
}

func (w headerOnly) Header() http.Header { return w.header }
