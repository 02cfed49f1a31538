package chain

import (
	"crypto"
	"crypto/x509"
	"slices"
	"time"
)

// Pair is a certificate file and a key file as they were read.
type Pair struct {
	Certs    []*x509.Certificate // in the file's order
	Key      crypto.Signer       // the one that a certificate belongs to, or else the first; nil when there is none
	Problems []Reason            // why a part of either file could not be read
}

// Read reads both files of a pair, which may be one and the same.
func Read(certPEM, keyPEM []byte) Pair {
	certFile, keyFile := Parse(certPEM), Parse(keyPEM)
	if !certFile.holdsCert && certFile.holdsKey && keyFile.holdsCert && !keyFile.holdsKey {
		return Pair{Problems: []Reason{{About: Files,
			Text: "the two files are swapped, a key is where the certificate should be", Fix: "exchange them"}}}
	}
	certs, problems := certFile.Certificates()
	keys, keyProblems := keyFile.privateKeys()
	p := Pair{Certs: certs, Problems: slices.Concat(problems, keyProblems)}
	for _, key := range keys {
		if p.Key == nil || !p.has(p.Key) && p.has(key) {
			p.Key = key
		}
	}
	return p
}

func (p Pair) has(key crypto.Signer) bool {
	return slices.ContainsFunc(p.Certs, func(c *x509.Certificate) bool { return belongs(c, key) })
}

// Judge judges the pair. What could not be read comes first among the faults.
func (p Pair) Judge(names []string, now time.Time) Verdict {
	var key crypto.PrivateKey // nil, and not an interface that holds a nil Signer
	if p.Key != nil {
		key = p.Key
	}
	var v Verdict
	if len(p.Certs) > 0 {
		v = judge(p.Certs, key, names, now, slices.ContainsFunc(p.Problems, func(r Reason) bool { return !r.Key }))
	}
	v.Faults = slices.Concat(p.Problems, v.Faults)
	return v
}
