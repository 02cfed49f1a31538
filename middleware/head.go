package middleware

import (
	"context"
	"net/http"
)

type headKey struct{}

// Head wraps the engine (a func(http.Handler) http.Handler, not a gin.HandlerFunc) and answers HEAD on every GET
// route. gin answers 404 there, while RFC 9110 §9.3.2 wants the header fields of GET. It wraps the engine because gin
// chooses the route before any middleware runs. net/http drops the body.
func Head(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodHead {
			// In a copy of the request, since net/http still has to see HEAD in the original.
			ctx, cancel := context.WithCancel(context.WithValue(r.Context(), headKey{}, true))
			defer cancel()
			r = r.WithContext(ctx)
			r.Method = http.MethodGet
			if r.Header["Upgrade"] != nil { // a WebSocket begins with GET only
				r.Header = r.Header.Clone()
				r.Header.Del("Upgrade")
			}
			w = &headWriter{w, ctx, cancel}
		}
		next.ServeHTTP(w, r)
	})
}

// headWriter ends a request when its handler begins to stream: the header has been sent then, and the client gets no
// body.
type headWriter struct {
	http.ResponseWriter
	ctx context.Context
	end context.CancelFunc
}

func (w *headWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Write reports no error, since the client gets no body. Over HTTP/2 the response to HEAD ends the stream with its
// header, and net/http returns an error for a body longer than its buffer.
func (w *headWriter) Write(p []byte) (int, error) {
	w.ResponseWriter.Write(p)
	return len(p), nil
}

func (w *headWriter) Flush() {
	http.NewResponseController(w.ResponseWriter).Flush()
	w.end()
}

// CloseNotify implements http.CloseNotifier, which gin's c.Stream uses in place of a context.
func (w *headWriter) CloseNotify() <-chan bool {
	gone := make(chan bool, 1)
	context.AfterFunc(w.ctx, func() { gone <- true })
	return gone
}

// isHead reports whether the client sent HEAD, of which Head made GET.
func isHead(r *http.Request) bool {
	return r.Context().Value(headKey{}) != nil
}

// method returns the request's method as the client sent it.
func method(r *http.Request) string {
	if r.Method == http.MethodGet && isHead(r) {
		return http.MethodHead
	}
	return r.Method
}
