package middleware

import (
	"context"
	"net/http"
)

type headKey struct{}

// Head answers HEAD on every GET route, which gin answers with 404: RFC 9110 §9.3.2 wants the same header fields
// as GET has. It wraps the whole engine, because gin picks the route before any middleware runs. net/http drops
// the body.
func Head(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodHead {
			// A copy: the server still has to see HEAD in the original.
			ctx, cancel := context.WithCancel(context.WithValue(r.Context(), headKey{}, true))
			defer cancel()
			r = r.WithContext(ctx)
			r.Method = http.MethodGet
			if r.Header["Upgrade"] != nil { // which only GET can ask for
				r.Header = r.Header.Clone()
				r.Header.Del("Upgrade")
			}
			w = &headWriter{w, ctx, cancel}
		}
		next.ServeHTTP(w, r)
	})
}

// headWriter ends a request whose answer begins to stream: its header is out, and of the rest nobody would see a byte.
type headWriter struct {
	http.ResponseWriter
	ctx context.Context
	end context.CancelFunc
}

func (w *headWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Write does not fail, since nobody would see the bytes. Over HTTP/2 a stream ends with the header of its answer to
// HEAD, and net/http calls that an error of a page longer than its buffer.
func (w *headWriter) Write(p []byte) (int, error) {
	w.ResponseWriter.Write(p)
	return len(p), nil
}

func (w *headWriter) Flush() {
	http.NewResponseController(w.ResponseWriter).Flush()
	w.end()
}

// CloseNotify is what gin's c.Stream asks for, in place of a context.
func (w *headWriter) CloseNotify() <-chan bool {
	gone := make(chan bool, 1)
	context.AfterFunc(w.ctx, func() { gone <- true })
	return gone
}

func isHead(r *http.Request) bool {
	if rc, ok := r.Context().Value(requestContextKey{}).(*requestContext); ok {
		return rc.isHead
	}
	return r.Context().Value(headKey{}) != nil
}
