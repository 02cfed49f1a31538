package middleware

import "net/http"

// Target makes every form of a request's target that names a path look like the usual one, before gin picks the route:
// "GET https://shop.example.com HTTP/1.1" asks for "/" (RFC 9112 §3.2.2, RFC 9110 §4.2.3). The host of such a target
// is in Host already, where net/http puts it in place of the header's, so that it is judged like any other.
func Target(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if u := r.URL; u.Host != "" && r.Method != http.MethodConnect {
			if u.Path == "" && u.Opaque == "" {
				u.Path = "/"
			}
			u.Host, u.User = "", nil // as in any other request
		}
		next.ServeHTTP(w, r)
	})
}
