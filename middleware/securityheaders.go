package middleware

import (
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"
)

const cspHeader = "Content-Security-Policy"

// defaultPolicy is the Content-Security-Policy of every document. A page may use this origin's own scripts, styles,
// images, fonts and connections. Nothing inline runs, and no page frames another, in either direction.
const defaultPolicy = "default-src 'none'; base-uri 'none'; connect-src 'self'; font-src 'self'; form-action 'self'; " +
	"frame-ancestors 'none'; img-src 'self'; manifest-src 'self'; media-src 'self'; script-src 'self'; style-src 'self'"

// deniedFeatures are devices, networks and data that a page can use only if it sets another Permissions-Policy.
const deniedFeatures = "camera=(), display-capture=(), geolocation=(), hid=(), local-network=(), " +
	"loopback-network=(), microphone=(), midi=(), payment=(), serial=(), usb=()"

// shared is a header with a value that is the same in every response. The values are made once and assigned to the
// header's map: header.Set would allocate a slice for each response. That is safe because net/http only reads the
// slices, header.Set replaces them, and header.Add copies them, as they have no spare capacity. Code must not assign to
// their elements. The other middleware does the same with its values.
type shared struct {
	name  string
	value []string
}

var alwaysHeaders = [...]shared{
	// Pages of other origins can neither embed nor read what is here (Spectre, XS-Leaks).
	{"Cross-Origin-Resource-Policy", []string{"same-origin"}},
	{"X-Content-Type-Options", []string{"nosniff"}},
	// Browsers show JSON and pictures in frames too, and for those there is no frame-ancestors.
	{"X-Frame-Options", []string{"DENY"}},
}

// documentHeaders tell a browser what a document or a worker may do, and who may hold a reference to its window.
var documentHeaders = [...]shared{
	{"Cross-Origin-Opener-Policy", []string{"same-origin"}},
	{"Origin-Agent-Cluster", []string{"?1"}},
	{"Permissions-Policy", []string{deniedFeatures}},
	// Not no-referrer: with that, browsers send "Origin: null" along with our own forms.
	{"Referrer-Policy", []string{"strict-origin-when-cross-origin"}},
}

// sharedPolicy is the default policy as a header's value. It is in the header before the handler runs, since handlers
// and CSP add to it.
var sharedPolicy = []string{defaultPolicy}

// securityHeaders sends the headers that isolate a page from other sites, as helmet does in Express. Those that are
// about documents are left out of a response that browsers make no document of, such as JSON or a picture: see
// isDocument. A handler that needs another value sets the header again, and the value nil sends none. For the
// Content-Security-Policy there is CSP.
func securityHeaders() gin.HandlerFunc {
	return func(c *gin.Context) {
		w := watch(c)
		w.secure = true
		header := w.Header()
		for i := range alwaysHeaders {
			header[alwaysHeaders[i].name] = alwaysHeaders[i].value
		}
		header[cspHeader] = sharedPolicy
		c.Next()
		w.release()
	}
}

// addDocumentHeaders is called when the header goes out, as only then its Content-Type is known. It leaves alone what
// the handler has set.
func addDocumentHeaders(header http.Header) {
	if !isDocument(header["Content-Type"]) {
		if policy := header[cspHeader]; len(policy) == 1 && &policy[0] == &sharedPolicy[0] {
			delete(header, cspHeader)
		}
		return
	}
	for i := range documentHeaders {
		if _, set := header[documentHeaders[i].name]; !set {
			header[documentHeaders[i].name] = documentHeaders[i].value
		}
	}
}

// noDocuments are the media types of which browsers make no document that acts: no script runs in it, no form is in it,
// and no worker. Every other type is a document. Among these are
//   - HTML, PDF, every XML and so SVG, which all hold scripts,
//   - scripts, since a worker takes its policy from its script's response,
//   - text/plain, which people write for others to read: it stays a page as strict as the rest.
var noDocuments = map[string]bool{
	"application/json": true, "application/problem+json": true, "application/manifest+json": true,
	"text/css": true, "text/event-stream": true,
	"image/avif": true, "image/gif": true, "image/jpeg": true, "image/png": true, "image/webp": true,
	"image/x-icon": true, "image/vnd.microsoft.icon": true,
	"font/otf": true, "font/ttf": true, "font/woff": true, "font/woff2": true,
	"audio/mpeg": true, "audio/mp4": true, "audio/ogg": true, "audio/wav": true, "audio/webm": true,
	"video/mp4": true, "video/ogg": true, "video/webm": true,
}

// isDocument reports whether browsers may make a document of a response with that Content-Type. It does without the
// cases and spaces that RFC 9110 §8.3.1 allows: what it does not know is a document. Browsers take the last type of a
// list (https://fetch.spec.whatwg.org/#concept-header-extract-mime-type), so a comma makes a document too.
func isDocument(contentType []string) bool {
	if len(contentType) != 1 || strings.Contains(contentType[0], ",") {
		return true
	}
	media, _, _ := strings.Cut(contentType[0], ";")
	return !noDocuments[media]
}
