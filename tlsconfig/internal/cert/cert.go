// Package cert has the types that the packages behind tlsconfig share: a certificate with its faults (Candidate), the
// set that handshakes read (Snapshot), what tlsconfig reports (Status, Event, Problem), and what package acme and an
// issuer exchange (Request, Result, Order, Window).
//
// It opens no connection and reads no setting. Package chain decides whether clients accept a certificate.
package cert

import (
	"crypto/tls"
	"crypto/x509"
	"strings"
	"time"

	"example.com/turnkey/middleware/host"
	"example.com/turnkey/tlsconfig/chain"
	"example.com/turnkey/tlsconfig/osfile"
)

// Status is the state of one certificate.
type Status struct {
	Names    []string  // that the certificate is for
	Issuer   string    // common name of the CA that signed it; empty while there is no certificate
	NotAfter time.Time // end of its life; zero while there is no certificate
	RenewAt  time.Time // when it is renewed; zero where another program renews it
	Next     string    // what happens next, and when
	Error    string    // what went wrong last; empty after a success
	Advice   string    // what to do about it, where that is known
	Failures int       // failed attempts in a row
	Orders   uint64    // placed by this process

	// Ready means that the server is ready without a certificate: it answers challenges, and the store that it shares
	// with others has no certificate either. If a load balancer sent it nothing, no challenge would reach it.
	Ready bool

	// Blocked means that the server is not ready, whatever it serves: it does not have the key for the sealed store, so
	// it answers no challenge. A deployment with a wrong key should stop at its first server.
	Blocked bool
}

// Usable reports whether the certificate has not expired.
func (s Status) Usable(now time.Time) bool { return now.Before(s.NotAfter) }

// EventKind says what happened to a certificate.
type EventKind string

const (
	Obtained EventKind = "obtained"
	Renewed  EventKind = "renewed"
	Failed   EventKind = "failed"
)

// Event is one thing that happened to one certificate. It is for alarms: Let's Encrypt no longer sends mail before a
// certificate expires.
type Event struct {
	Kind   EventKind
	Status Status // after the event
	Err    error  // of a failure; it wraps a *Problem if the CA said what went wrong
}

// ReadPool reads a PEM file of roots. One block that cannot be read is an error, so that no root is missing silently.
func ReadPool(file string) (*x509.CertPool, error) {
	certs, err := chain.ReadCertificates(file)
	if err != nil {
		return nil, osfile.Cause(err)
	}
	pool := x509.NewCertPool()
	for _, c := range certs {
		pool.AddCert(c)
	}
	return pool, nil
}

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
	name, _ := host.Split(hello.ServerName)
	certs := s.find(name)
	switch {
	case hello.ServerName == "", len(certs) == 0 && s.Lax:
		return s.First, nil
	case len(certs) == 0:
		return nil, nil
	}
	for _, c := range certs {
		if len(certs) == 1 || hello.SupportsCertificate(c) == nil {
			return c, nil
		}
	}
	return certs[0], nil
}

// find returns the certificates for a name, or else those for the wildcard that stands for it.
func (s *Snapshot) find(name string) []*tls.Certificate {
	if certs := s.ByName[name]; certs != nil {
		return certs
	}
	if dot := strings.IndexByte(name, '.'); dot > 0 {
		return s.ByName["*"+name[dot:]]
	}
	return nil
}

// Covers reports whether a certificate in the set is for a name, which may be a wildcard.
func (s *Snapshot) Covers(name string) bool { return s.find(name) != nil }

// Names returns the DNS names and addresses of a certificate's leaf.
func Names(c *tls.Certificate) []string {
	var names []string
	for _, n := range c.Leaf.DNSNames {
		name, _ := host.Split(n)
		names = append(names, name)
	}
	for _, ip := range c.Leaf.IPAddresses {
		names = append(names, ip.String())
	}
	return names
}
