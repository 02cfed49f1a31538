package pages

import (
	"fmt"
	"net/http"
	"path"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"example.com/turnkey/middleware"
)

// ServeRoot is a middleware that answers requests for the files in web/root: /robots.txt, /.well-known/security.txt. It
// belongs at the end of the chain, after the middleware that protects routes. A route with exactly that path is called
// in place of the file. A route with a parameter, such as /:page, is not.
func (p *Pages) ServeRoot(c *gin.Context) {
	name := strings.TrimPrefix(c.Request.URL.Path, "/")
	if c.FullPath() == c.Request.URL.Path || isReserved(name) {
		return
	}
	found, err := p.root.find(name)
	switch method := c.Request.Method; {
	case err != nil:
		c.Error(err)
	case found == nil:
		return
	case method == http.MethodGet || method == http.MethodHead:
		p.root.send(c, name, found)
	default:
		c.Header("Allow", http.MethodGet)
		middleware.MethodNotAllowed(c)
	}
	c.Abort()
}

// reserved are the paths that the server itself answers: no file of web/root is served there.
var reserved = []string{"static/", "_dev/", ".well-known/acme-challenge/"}

func isReserved(name string) bool {
	return slices.ContainsFunc(reserved, func(prefix string) bool { return strings.HasPrefix(name, prefix) })
}

// RootClashes returns a fault for each file in web/root that is never served, because a route or the server itself has
// its path.
func (p *Pages) RootClashes(routes gin.RoutesInfo) (faults Faults) {
	names, err := p.root.names()
	if err != nil {
		return Faults{{File: "web/root", Problem: "cannot be read: " + err.Error(), Fix: "make it readable"}}
	}
	for _, name := range names {
		file := path.Join("web/root", name)
		if isReserved(name) {
			faults = append(faults, Fault{File: file, Fix: "remove the file",
				Problem: fmt.Sprintf("is never served: the server itself answers /%s/", path.Dir(name))})
		}
		for _, r := range routes {
			if r.Path == "/"+name && (r.Method == http.MethodGet || r.Method == http.MethodHead) {
				faults = append(faults, Fault{File: file, Fix: "remove one of the two",
					Problem: fmt.Sprintf("has the address of the route %s %s of %s", r.Method, r.Path, r.Handler)})
			}
		}
	}
	return faults
}
