package middleware

import (
	"cmp"
	"net/http"
	"strings"
	"sync/atomic"

	"github.com/gin-gonic/gin"
)

// HostSet is the names that a site answers for. It may be changed while requests are checked against it, and
// checking takes no lock.
type HostSet struct {
	names atomic.Pointer[map[string]bool]
}

// NewHostSet makes a set; see Set.
func NewHostSet(names []string) *HostSet {
	s := &HostSet{}
	s.Set(names)
	return s
}

// Set replaces the names: lower case, without a final dot. One may be a wildcard, "*.example.com". Without names
// every host is allowed.
func (s *HostSet) Set(names []string) {
	allowed := make(map[string]bool, len(names))
	for _, n := range names {
		allowed[n] = true
	}
	s.names.Store(&allowed)
}

// Allows says whether a Host header, with a port or without, names one of the set.
func (s *HostSet) Allows(hostport string) bool {
	allowed := *s.names.Load()
	if len(allowed) == 0 {
		return true
	}
	host, _ := splitHost(hostport)
	if allowed[host] {
		return true
	}
	dot := strings.IndexByte(host, '.')
	return dot > 0 && allowed["*"+host[dot:]]
}

// Hosts answers 421 Misdirected Request (RFC 9110 §15.5.20) to every Host but those of the set. The except paths are
// answered under any host: load balancers probe by address. explain returns the text of the answer for a host. The text is that
// of errHost if explain is nil or returns "".
func Hosts(set *HostSet, except []string, explain func(host string) string) gin.HandlerFunc {
	skip := map[string]bool{}
	for _, p := range except {
		skip[p] = true
	}
	errHost := &statusError{http.StatusMisdirectedRequest, "This server does not answer for that host"}
	return func(c *gin.Context) {
		if skip[c.Request.URL.Path] || set.Allows(c.Request.Host) {
			return
		}
		err := errHost
		if explain != nil {
			if host, _ := splitHost(c.Request.Host); host != "" {
				err = &statusError{errHost.status, cmp.Or(explain(host), errHost.text)}
			}
		}
		c.Error(err)
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
		if strings.Trim(port, "0123456789") != "" {
			return "", ""
		}
	}
	return strings.ToLower(strings.TrimSuffix(host, ".")), port
}
