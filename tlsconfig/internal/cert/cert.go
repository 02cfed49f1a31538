// Package cert has what the rooms behind tlsconfig share: a certificate with what is known about it (Candidate), the
// set that handshakes read (Snapshot), the state and the events that the door reports (Status, Event, Problem), and
// what the clock and an issuer tell each other (Request, Result, Order, Window).
//
// It opens no connection and reads no setting. Whether clients accept a certificate is package chain's to judge.
package cert

import (
	"crypto/x509"
	"os"
	"time"

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

// ReadPool reads a PEM file of roots. One block that cannot be read is an error, so that no root is missing without a
// word.
func ReadPool(file string) (*x509.CertPool, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, osfile.Cause(err)
	}
	certs, problems := chain.Parse(data).Certificates()
	if len(problems) > 0 {
		return nil, chain.Verdict{Faults: problems}.Err()
	}
	pool := x509.NewCertPool()
	for _, c := range certs {
		pool.AddCert(c)
	}
	return pool, nil
}
