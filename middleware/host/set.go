package host

import (
	"strings"
	"sync/atomic"
)

// Set holds the names that a site answers for. Names can be replaced while requests are checked. Checking takes no
// lock. A nil Set, like one without names, allows every host.
type Set struct {
	names atomic.Pointer[map[string]bool]
}

// NewSet returns a set of names, as Replace takes them.
func NewSet(names []string) *Set {
	s := &Set{}
	s.Replace(names)
	return s
}

// Replace replaces the names. Each is in the normal form of this package, or is a wildcard for one label, such as
// "*.example.com".
func (s *Set) Replace(names []string) {
	allowed := make(map[string]bool, len(names))
	for _, n := range names {
		allowed[n] = true
	}
	s.names.Store(&allowed)
}

// Allows reports whether a Host header, with a port or without, names one of the set.
func (s *Set) Allows(hostport string) bool {
	if s == nil {
		return true
	}
	allowed := s.names.Load()
	if allowed == nil || len(*allowed) == 0 {
		return true
	}
	name, _ := Split(hostport)
	if (*allowed)[name] {
		return true
	}
	dot := strings.IndexByte(name, '.')
	return dot > 0 && (*allowed)["*"+name[dot:]]
}
