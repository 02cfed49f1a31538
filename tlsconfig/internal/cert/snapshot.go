package cert

import (
	"crypto/tls"
	"strings"
)

// Snapshot is a set of certificates by name. It is not changed after it is shared, so handshakes read it without a
// lock.
type Snapshot struct {
	ByName map[string][]*tls.Certificate // exact names, and wildcards as "*.example.com"
	First  *tls.Certificate              // for clients that send no server name (SNI)
	Lax    bool                          // First is for unknown names too
}

// NewSnapshot indexes certificates under every name in them. A client gets the first one that it supports.
func NewSnapshot(certs []*tls.Certificate) *Snapshot {
	s := &Snapshot{ByName: map[string][]*tls.Certificate{}}
	for _, c := range certs {
		for _, name := range Names(c) {
			s.ByName[name] = append(s.ByName[name], c)
		}
	}
	if len(certs) > 0 {
		s.First = certs[0]
	}
	return s
}

// Lookup answers a hello. For a nil certificate without an error crypto/tls sends the unrecognized_name alert
// (RFC 6066 §3), which tells the client what is wrong.
func (s *Snapshot) Lookup(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	if hello.ServerName == "" {
		return s.First, nil
	}
	name := NormalName(hello.ServerName)
	certs := s.ByName[name]
	if certs == nil {
		if dot := strings.IndexByte(name, '.'); dot > 0 {
			certs = s.ByName["*"+name[dot:]]
		}
	}
	switch len(certs) {
	case 0:
		if s.Lax {
			return s.First, nil
		}
		return nil, nil
	case 1:
		return certs[0], nil
	}
	for _, c := range certs {
		if hello.SupportsCertificate(c) == nil {
			return c, nil
		}
	}
	return certs[0], nil
}

// Covers reports whether a certificate in the set is for host, which may be a wildcard.
func (s *Snapshot) Covers(host string) bool {
	if s.ByName[host] != nil {
		return true
	}
	dot := strings.IndexByte(host, '.')
	return dot > 0 && s.ByName["*"+host[dot:]] != nil
}

// Names returns the DNS names and addresses of a certificate's leaf.
func Names(c *tls.Certificate) []string {
	var names []string
	for _, n := range c.Leaf.DNSNames {
		names = append(names, NormalName(n))
	}
	for _, ip := range c.Leaf.IPAddresses {
		names = append(names, ip.String())
	}
	return names
}

// NormalName returns a server name in lower case and without the dot of the DNS root. It allocates only if it changes
// the name.
func NormalName(name string) string {
	return strings.ToLower(strings.TrimSuffix(name, "."))
}
