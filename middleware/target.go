package middleware

import "net/http"

// Target wraps the engine (a func(http.Handler) http.Handler, not a gin.HandlerFunc) and turns a request target with
// scheme and host into a path, before gin chooses the route: "GET https://shop.example.com" asks for "/" (RFC 9112
// §3.2.2, RFC 9110 §4.2.3). net/http has already set r.Host to the host of the target, so that Hosts checks it like
// that of any other request.
func Target(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if u := r.URL; u.Host != "" && r.Method != http.MethodConnect {
			if u.Path == "" && u.Opaque == "" {
				u.Path = "/"
			}
			u.Host, u.User = "", nil // as for a target that is a path
		}
		next.ServeHTTP(w, r)
	})
}
