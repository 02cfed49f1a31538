package middleware

import "github.com/gin-gonic/gin"

// policy is the Content-Security-Policy of every answer: this origin's own scripts, styles, images, fonts and
// connections, nothing inline, no frames in either direction.
const policy = "default-src 'none'; base-uri 'none'; connect-src 'self'; font-src 'self'; form-action 'self'; frame-ancestors 'none'; " +
	"img-src 'self'; manifest-src 'self'; media-src 'self'; script-src 'self'; style-src 'self'"

const cspHeader = "Content-Security-Policy"

var sharedPolicy = []string{policy}

// secureHeaders are the same for every answer, so they are made once: the slices are shared and must not be changed.
var secureHeaders = [...]struct {
	name  string
	value []string
}{
	{cspHeader, sharedPolicy},
	// Other origins' windows, documents and pages can neither reach nor embed what is here (Spectre, XS-Leaks).
	{"Cross-Origin-Opener-Policy", []string{"same-origin"}},
	{"Cross-Origin-Resource-Policy", []string{"same-origin"}},
	{"Origin-Agent-Cluster", []string{"?1"}},
	// Devices that a page has to ask for in its own name, by its own header.
	{"Permissions-Policy", []string{"camera=(), display-capture=(), geolocation=(), hid=(), microphone=(), midi=(), payment=(), serial=(), usb=()"}},
	// Not no-referrer: with that, browsers send "Origin: null" along with our own forms.
	{"Referrer-Policy", []string{"strict-origin-when-cross-origin"}},
	{"X-Content-Type-Options", []string{"nosniff"}},
	{"X-Frame-Options", []string{"DENY"}}, // for scanners; browsers go by frame-ancestors
}

// Secure sends the headers that keep a page to itself, as helmet does in Express, on every answer. A handler that
// needs other values sets the header again; for the Content-Security-Policy there is CSP.
func Secure() gin.HandlerFunc {
	return func(c *gin.Context) {
		header := c.Writer.Header()
		for i := range secureHeaders {
			header[secureHeaders[i].name] = secureHeaders[i].value
		}
	}
}
