package middleware

import "github.com/gin-gonic/gin"

const cspHeader = "Content-Security-Policy"

// defaultPolicy is the Content-Security-Policy of every response. A page may use this origin's own scripts, styles,
// images, fonts and connections. Nothing inline runs, and no page frames another, in either direction.
const defaultPolicy = "default-src 'none'; base-uri 'none'; connect-src 'self'; font-src 'self'; form-action 'self'; " +
	"frame-ancestors 'none'; img-src 'self'; manifest-src 'self'; media-src 'self'; script-src 'self'; style-src 'self'"

// deniedFeatures are devices and data that a page has to ask for by a Permissions-Policy of its own.
const deniedFeatures = "camera=(), display-capture=(), geolocation=(), hid=(), microphone=(), midi=(), payment=(), " +
	"serial=(), usb=()"

// securityHeaders are the same in every response. They are made once and assigned to the header's map: header.Set would
// allocate a slice for each response. That is safe because net/http only reads the slices, header.Set replaces them,
// and header.Add copies them, as they have no spare capacity. Code must not assign to their elements. The other
// middleware does the same with its values.
var securityHeaders = [...]struct {
	name  string
	value []string
}{
	{cspHeader, []string{defaultPolicy}},
	// Windows, documents and pages of other origins can neither reach nor embed what is here (Spectre, XS-Leaks).
	{"Cross-Origin-Opener-Policy", []string{"same-origin"}},
	{"Cross-Origin-Resource-Policy", []string{"same-origin"}},
	{"Origin-Agent-Cluster", []string{"?1"}},
	{"Permissions-Policy", []string{deniedFeatures}},
	// Not no-referrer: with that, browsers send "Origin: null" along with our own forms.
	{"Referrer-Policy", []string{"strict-origin-when-cross-origin"}},
	{"X-Content-Type-Options", []string{"nosniff"}},
	// For scanners. Browsers go by frame-ancestors.
	{"X-Frame-Options", []string{"DENY"}},
}

// SecurityHeaders sends the headers that isolate a page from other sites, as helmet does in Express, on every
// response. A handler that needs another value sets the header again. For the Content-Security-Policy there is CSP.
func SecurityHeaders() gin.HandlerFunc {
	return func(c *gin.Context) {
		header := c.Writer.Header()
		for i := range securityHeaders {
			header[securityHeaders[i].name] = securityHeaders[i].value
		}
	}
}
