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
			r = r.WithContext(context.WithValue(r.Context(), headKey{}, true))
			r.Method = http.MethodGet
		}
		next.ServeHTTP(w, r)
	})
}

func isHead(r *http.Request) bool {
	if rc, ok := r.Context().Value(requestContextKey{}).(*requestContext); ok {
		return rc.isHead
	}
	return r.Context().Value(headKey{}) != nil
}
