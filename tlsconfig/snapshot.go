package tlsconfig

import (
	"crypto/tls"
	"strings"
)

// snapshot is a set of certificates by name. It is never changed once it is shared, so handshakes read it without
// a lock.
type snapshot struct {
	byName map[string][]*tls.Certificate // exact names, and wildcards as "*.example.com"
	first  *tls.Certificate              // for clients that send no server name (SNI)
	lax    bool                          // first is for unknown names too
}

// newSnapshot indexes certificates under every name in them. A client gets the first one that it can verify.
func newSnapshot(certs []*tls.Certificate) *snapshot {
	s := &snapshot{byName: map[string][]*tls.Certificate{}}
	for _, cert := range certs {
		for _, name := range leafNames(cert) {
			s.byName[name] = append(s.byName[name], cert)
		}
	}
	if len(certs) > 0 {
		s.first = certs[0]
	}
	return s
}

// lookup answers a hello. A nil certificate without an error makes crypto/tls send the unrecognized_name alert
// (RFC 6066 §3), which tells the client what is wrong.
func (s *snapshot) lookup(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	if hello.ServerName == "" {
		return s.first, nil
	}
	name := normalName(hello.ServerName)
	certs := s.byName[name]
	if certs == nil {
		if dot := strings.IndexByte(name, '.'); dot > 0 {
			certs = s.byName["*"+name[dot:]]
		}
	}
	switch len(certs) {
	case 0:
		if s.lax {
			return s.first, nil
		}
		return nil, nil
	case 1:
		return certs[0], nil
	}
	for _, cert := range certs {
		if hello.SupportsCertificate(cert) == nil {
			return cert, nil
		}
	}
	return certs[0], nil
}

// covers says whether some certificate is for host, which may be a wildcard itself.
func (s *snapshot) covers(host string) bool {
	if s.byName[host] != nil {
		return true
	}
	dot := strings.IndexByte(host, '.')
	return dot > 0 && s.byName["*"+host[dot:]] != nil
}

// leafNames are the DNS names and addresses of a certificate's leaf.
func leafNames(cert *tls.Certificate) []string {
	var names []string
	for _, n := range cert.Leaf.DNSNames {
		names = append(names, normalName(n))
	}
	for _, ip := range cert.Leaf.IPAddresses {
		names = append(names, ip.String())
	}
	return names
}
