package middleware

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"
)

// Redirect describes where plain requests go.
type Redirect struct {
	// Status is 308 in production, 307 in development: browsers keep a permanent redirect of http://localhost
	// for ever, and would send the next project there too. Both keep method and body.
	Status int
	// PlainPort and TLSPort are those that the server listens on. A client that reached PlainPort under its own
	// number is sent to TLSPort; one that used another number came through a mapping, and is sent to 443. A TLSPort of 0 means that a proxy has it: 443.
	PlainPort, TLSPort int
	// Unknown is called for each request of which neither the connection nor a proxy tells the scheme. Such a request is not
	// redirected: behind a proxy that sends no X-Forwarded-Proto the redirects would never end. Unknown may be nil.
	Unknown func(*http.Request)
	// Except are paths that answer without TLS, for probes.
	Except []string
}

// HTTPS redirects every plain request to the same host, path and query over HTTPS. It goes behind Forwarded and
// behind Hosts, which lets only configured hosts through: a redirect never repeats a name that a stranger made up.
func HTTPS(to Redirect) gin.HandlerFunc {
	return func(c *gin.Context) {
		switch c.Request.URL.Scheme {
		case "https":
			return
		case "":
			if to.Unknown != nil {
				to.Unknown(c.Request)
			}
			return
		}
		for _, path := range to.Except {
			if c.Request.URL.Path == path {
				return
			}
		}
		header := c.Writer.Header()
		header["Location"] = []string{to.location(c.Request)}
		if to.Status == http.StatusTemporaryRedirect {
			header["Cache-Control"] = []string{"no-store"}
		}
		c.AbortWithStatus(to.Status)
	}
}

func (to Redirect) location(r *http.Request) string {
	host, port := splitHost(r.Host)
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if port == "" {
		port = "80"
	}
	if to.TLSPort != 0 && to.TLSPort != 443 && port == strconv.Itoa(to.PlainPort) {
		host += ":" + strconv.Itoa(to.TLSPort)
	}
	target := r.URL.RequestURI()
	if !strings.HasPrefix(target, "/") { // OPTIONS *
		target = "/"
	}
	return "https://" + host + target
}
