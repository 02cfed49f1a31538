package middleware

import (
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"
)

// Hosts answers 421 Misdirected Request (RFC 9110 §15.5.20) to every Host but the configured ones. A name may be a
// wildcard, "*.example.com". Without names every host is let through. The except paths are answered under any host:
// load balancers probe by address.
func Hosts(names, except []string) gin.HandlerFunc {
	allowed := map[string]bool{}
	for _, n := range names {
		allowed[n] = true
	}
	skip := map[string]bool{}
	for _, p := range except {
		skip[p] = true
	}
	errHost := &statusError{http.StatusMisdirectedRequest, "this server does not answer for that host"}
	return func(c *gin.Context) {
		if len(allowed) == 0 || skip[c.Request.URL.Path] {
			return
		}
		host, _ := splitHost(c.Request.Host)
		if allowed[host] {
			return
		}
		if dot := strings.IndexByte(host, '.'); dot > 0 && allowed["*"+host[dot:]] {
			return
		}
		c.Error(errHost)
		c.Abort()
	}
}

// splitHost takes a Host header apart: name or address in lower case, without brackets and final dot, and the port,
// if any. It allocates only for names with capitals. What is no host at all comes back empty and matches nothing.
func splitHost(hostport string) (host, port string) {
	host = hostport
	if strings.HasPrefix(host, "[") {
		end := strings.IndexByte(host, ']')
		if end < 0 {
			return "", ""
		}
		rest := host[end+1:]
		if rest != "" && rest[0] != ':' {
			return "", ""
		}
		return strings.ToLower(host[1:end]), strings.TrimPrefix(rest, ":")
	}
	if i := strings.LastIndexByte(host, ':'); i >= 0 {
		host, port = host[:i], host[i+1:]
	}
	return strings.ToLower(strings.TrimSuffix(host, ".")), port
}
