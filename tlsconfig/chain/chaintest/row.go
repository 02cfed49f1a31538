package chaintest

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"sync"
	"time"
)

// Row is one kind of pair. The zero value is the good pair.
type Row struct {
	Name  string
	Key   func() crypto.Signer                                        // nil: ECDSA P-256
	Chain func(*Authority, crypto.PublicKey) []*x509.Certificate      // nil: leaf and intermediate
	Spoil func(certPEM, keyPEM []byte) (newCertPEM, newKeyPEM []byte) // what happens to the two files afterwards
	Says  string                                                      // words of the fault, or of the note
	OfKey bool                                                        // TLS_KEY_FILE is at fault
	Unmet bool                                                        // no certificate belongs to the key, or none can be read: it cannot be served
}

// Pair is both files of a row.
func (r Row) Pair(a *Authority) (certPEM, keyPEM []byte) {
	newKey := r.Key
	if newKey == nil {
		newKey = ec
	}
	key := newKey()
	certPEM, keyPEM = r.From(a, key.Public()), block("PRIVATE KEY", must(x509.MarshalPKCS8PrivateKey(key)))
	if r.Spoil != nil {
		return r.Spoil(certPEM, keyPEM)
	}
	return certPEM, keyPEM
}

// From makes the row's certificates for a given public key, as a CA does.
func (r Row) From(a *Authority, public crypto.PublicKey) []byte {
	if r.Chain == nil {
		return pemOf(a.leaf(public, nil), a.Intermediate)
	}
	return pemOf(r.Chain(a, public)...)
}

type (
	template = *x509.Certificate
	certs    = []*x509.Certificate
	public   = crypto.PublicKey
)

// leafLike is a row whose leaf is another one, and the rest as it should be.
func leafLike(name, says string, change func(template)) Row {
	return Row{Name: name, Says: says, Chain: func(a *Authority, p public) certs { return certs{a.leaf(p, change), a.Intermediate} }}
}

// signerLike is a row whose intermediate is another one for the same key.
func signerLike(name, says string, change func(template)) Row {
	return Row{Name: name, Says: says, Chain: func(a *Authority, p public) certs { return certs{a.leaf(p, nil), a.above(change)} }}
}

// certLike is a row whose certificate file is a change of a good one.
func certLike(name, says string, unmet bool, change func([]byte) []byte) Row {
	return Row{Name: name, Says: says, Unmet: unmet, Spoil: func(cert, key []byte) ([]byte, []byte) { return change(cert), key }}
}

// keyFileLike is a row whose key file is a change of a good one.
func keyFileLike(name, says string, change func([]byte) []byte) Row {
	return Row{Name: name, Says: says, OfKey: true, Unmet: true, Spoil: func(cert, key []byte) ([]byte, []byte) { return cert, change(key) }}
}

func hours(h time.Duration) time.Time { return time.Now().Add(h * time.Hour) }

func expired(c template) { c.NotBefore, c.NotAfter = hours(-48), hours(-24) }

func early(c template) { c.NotBefore = hours(24) }

func forClients(c template) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }

// Each RSA key is made once, because that takes long.
var (
	rsa1024 = sync.OnceValue(func() crypto.Signer { return must(rsa.GenerateKey(rand.Reader, 1024)) })
	rsa2048 = sync.OnceValue(func() crypto.Signer { return must(rsa.GenerateKey(rand.Reader, 2048)) })
)

// der is what is in the first block of a PEM file.
func der(data []byte) []byte {
	b, _ := pem.Decode(data)
	return b.Bytes
}
