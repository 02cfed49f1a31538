package tlsconfig

import (
	"crypto"
	"crypto/x509"
	"time"

	"example.com/turnkey/tlsconfig/chain"
)

// A verdict tells faults from notes; see package chain.
type verdict = chain.Verdict

// usable judges certificates and a key as clients that ask for names will. Every pair is judged by these rules: at the start,
// while running, in check, and when a CA sends one.
func usable(certs []*x509.Certificate, key crypto.PrivateKey, names []string, now time.Time) verdict {
	return chain.Judge(certs, key, names, now)
}

// readChain reads the certificates of a PEM file or of a CA's response. Each block that cannot be read is a problem, and so
// is a response without any certificate.
func readChain(data []byte) (certs []*x509.Certificate, problems []chain.Reason) {
	return chain.Parse(data).Certificates()
}
