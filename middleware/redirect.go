package middleware

import (
	"net/http"
	"slices"
	"strconv"

	"github.com/gin-gonic/gin"

	"example.com/turnkey/middleware/host"
)

// Redirect says where RedirectToHTTPS sends plain requests. The zero value sends them to port 443.
type Redirect struct {
	// Temporary sends 307 rather than 308. Development sets it: browsers keep a permanent redirect of
	// http://localhost for ever, and would send the next project there too. Both keep method and body.
	Temporary bool
	// PlainPort and TLSPort are those that the server listens on. A client that connected to PlainPort under its own
	// number is sent to TLSPort. A client that used another number came through a mapping of ports, and is sent to
	// 443. A TLSPort of 0 means that a proxy has it: 443.
	PlainPort, TLSPort int
	// Except are paths that are answered without TLS, for probes. OnUnknown is not called for them: the probes of many
	// platforms come past their proxy.
	Except []string
	// OnUnknown is called for each request of which neither the connection nor a proxy tells the scheme. Such a
	// request is not redirected: behind a proxy that sends no X-Forwarded-Proto the redirects would never end.
	// OnUnknown may be nil.
	OnUnknown func(*http.Request)
}

// RedirectToHTTPS redirects every plain request to the same host, path and query over HTTPS. It goes behind
// Forwarded, which tells plain requests from others, and behind Hosts, so that it repeats no host that a client made
// up.
func RedirectToHTTPS(to Redirect) gin.HandlerFunc {
	return func(c *gin.Context) {
		scheme := c.Request.URL.Scheme
		if scheme == "https" || slices.Contains(to.Except, c.Request.URL.Path) {
			return
		}
		if scheme == "" {
			if to.OnUnknown != nil {
				to.OnUnknown(c.Request)
			}
			return
		}
		header := c.Writer.Header()
		header["Location"] = []string{to.location(c.Request)}
		if to.Temporary {
			header["Cache-Control"] = []string{"no-store"}
			c.AbortWithStatus(http.StatusTemporaryRedirect)
			return
		}
		c.AbortWithStatus(http.StatusPermanentRedirect)
	}
}

func (to Redirect) location(r *http.Request) string {
	name, port := host.Split(r.Host)
	if port == "" {
		port = "80"
	}
	tlsPort := ""
	if to.TLSPort != 0 && to.TLSPort != 443 && port == strconv.Itoa(to.PlainPort) {
		tlsPort = strconv.Itoa(to.TLSPort)
	}
	return host.HTTPS(name, tlsPort, r.URL)
}
