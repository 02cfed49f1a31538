package middleware

import (
	"net/http"
	"net/url"
	"strings"
)

// Target wraps the engine (a func(http.Handler) http.Handler, not a gin.HandlerFunc) and turns a request target with
// scheme and host into a path, before gin chooses the route: "GET https://shop.example.com" asks for "/" (RFC 9112
// §3.2.2, RFC 9110 §4.2.3). net/http has already set r.Host to the host of the target, so that hosts checks it like
// that of any other request.
//
// For a path with %2F, which belongs to a parameter as in Express, it sets RawPath so that gin finds the route in any
// spelling: only what gin's UseRawPath unescapes is escaped there. For any other path RawPath is empty. Chain restores
// RawPath.
func Target(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if u := r.URL; u.Host != "" && r.Method != http.MethodConnect {
			if u.Path == "" && u.Opaque == "" {
				u.Path = "/"
			}
			u.Host, u.User = "", nil // as for a target that is a path
		}
		r.URL.RawPath = rawPath(r.URL.RawPath)
		next.ServeHTTP(w, r)
	})
}

// restorePath undoes what Target did to RawPath, since redirects and proxies repeat it.
func restorePath(r *http.Request) {
	if r.URL.RawPath == "" {
		return
	}
	if sent, err := url.ParseRequestURI(r.RequestURI); err == nil {
		r.URL.RawPath = sent.RawPath
	}
}

// forGin escapes what gin's UseRawPath takes back.
var forGin = strings.NewReplacer("%", "%25", "/", "%2F", "+", "%2B")

// rawPath returns the path that gin matches against its routes, or "" if that is the decoded one.
func rawPath(raw string) string {
	if !strings.Contains(strings.ToUpper(raw), "%2F") {
		return ""
	}
	parts := strings.Split(raw, "/")
	for i, part := range parts {
		text, err := url.PathUnescape(part)
		if err != nil {
			return ""
		}
		parts[i] = forGin.Replace(text)
	}
	return strings.Join(parts, "/")
}
