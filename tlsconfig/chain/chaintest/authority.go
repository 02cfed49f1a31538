// Package chaintest makes certificates for tests, good ones and every kind of bad one, with real keys and signatures.
// Every room that judges a pair is tested with this table.
package chaintest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha1"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"math/big"
	"net"
	"slices"
	"testing"
	"time"
)

// Authority is a CA with a root and an intermediate. Its names are what Leaf issues for.
type Authority struct {
	t                  testing.TB
	Names              []string
	Root, Intermediate *x509.Certificate
	rootKey, key       crypto.Signer
	now                time.Time
}

// New makes an Authority that issues for names.
func New(t testing.TB, names ...string) *Authority {
	t.Helper()
	a := &Authority{t: t, Names: names, rootKey: ec(t), key: ec(t), now: time.Now()}
	root := a.ca("Test Root")
	a.Root = a.sign(root, root, a.rootKey.Public(), a.rootKey)
	a.Intermediate = a.above(nil)
	return a
}

// Roots returns the pool of a client that trusts this authority alone.
func (a *Authority) Roots() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.Root)
	return pool
}

// Good makes a complete pair: the leaf and the intermediate, and the leaf's key.
func (a *Authority) Good() (certPEM, keyPEM []byte) {
	key := ec(a.t)
	return a.pem(a.leaf(key.Public(), nil), a.Intermediate), a.keyPEM(key)
}

// leaf makes a certificate for a key, signed by the intermediate. change alters it before it is signed. It may be nil.
func (a *Authority) leaf(public crypto.PublicKey, change func(*x509.Certificate)) *x509.Certificate {
	template := &x509.Certificate{
		Subject:               pkix.Name{CommonName: "leaf"},
		NotBefore:             a.now.Add(-time.Hour),
		NotAfter:              a.now.Add(90 * 24 * time.Hour),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
	}
	for _, name := range a.Names {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	if change != nil {
		change(template)
	}
	return a.sign(template, a.Intermediate, public, a.key)
}

// above makes an intermediate for the authority's key. change alters it before it is signed.
func (a *Authority) above(change func(*x509.Certificate)) *x509.Certificate {
	template := a.ca("Test Intermediate")
	if change != nil {
		change(template)
	}
	return a.sign(template, a.Root, a.key.Public(), a.rootKey)
}

func (a *Authority) ca(name string) *x509.Certificate {
	return &x509.Certificate{
		Subject:   pkix.Name{CommonName: name},
		NotBefore: a.now.Add(-24 * time.Hour), NotAfter: a.now.Add(365 * 24 * time.Hour),
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, IsCA: true, BasicConstraintsValid: true,
	}
}

func (a *Authority) sign(
	template, parent *x509.Certificate, public crypto.PublicKey, key crypto.Signer,
) *x509.Certificate {
	a.t.Helper()
	var err error
	if template.SerialNumber, err = rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120)); err != nil {
		a.t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, key)
	if err != nil {
		a.t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return cert
}

func (a *Authority) pem(certs ...*x509.Certificate) []byte {
	var out []byte
	for _, c := range certs {
		out = append(out, block("CERTIFICATE", c.Raw)...)
	}
	return out
}

func (a *Authority) keyPEM(key crypto.Signer) []byte {
	a.t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		a.t.Fatal(err)
	}
	return block("PRIVATE KEY", der)
}

func block(label string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: label, Bytes: der})
}

func ec(t testing.TB) crypto.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func join(parts ...[]byte) []byte { return slices.Concat(parts...) }

// sha1 is a leaf signed as it was done until 2015, and its signer. crypto/x509 no longer makes such a signature, so a
// certificate signed by SHA-256 is taken apart and signed anew.
func (a *Authority) sha1(public crypto.PublicKey) []byte {
	a.t.Helper()
	leaf := a.leaf(public, nil)
	var parts struct {
		TBS       asn1.RawValue
		Algorithm pkix.AlgorithmIdentifier
		Signature asn1.BitString
	}
	_, err := asn1.Unmarshal(leaf.Raw, &parts)
	if err != nil {
		a.t.Fatal(err)
	}
	// ecdsa-with-SHA256 is 1.2.840.10045.4.3.2, and ecdsa-with-SHA1 1.2.840.10045.4.1: the inner one is replaced by its
	// encoding, which is one byte shorter, so the length of the whole is corrected.
	var fields []asn1.RawValue
	for rest := parts.TBS.Bytes; len(rest) > 0; {
		var field asn1.RawValue
		if rest, err = asn1.Unmarshal(rest, &field); err != nil {
			a.t.Fatal(err)
		}
		fields = append(fields, field)
	}
	algorithm := pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 1}}
	der, err := asn1.Marshal(algorithm)
	if err != nil {
		a.t.Fatal(err)
	}
	fields[2] = asn1.RawValue{FullBytes: der} // version, serial number, algorithm
	var body []byte
	for _, f := range fields {
		body = append(body, f.FullBytes...)
	}
	tbs, err := asn1.Marshal(asn1.RawValue{Tag: asn1.TagSequence, IsCompound: true, Bytes: body})
	if err != nil {
		a.t.Fatal(err)
	}
	sum := sha1.Sum(tbs)
	signature, err := a.key.Sign(rand.Reader, sum[:], crypto.SHA1)
	if err != nil {
		a.t.Fatal(err)
	}
	parts.TBS, parts.Algorithm = asn1.RawValue{FullBytes: tbs}, algorithm
	parts.Signature = asn1.BitString{Bytes: signature, BitLength: len(signature) * 8}
	if der, err = asn1.Marshal(parts); err != nil {
		a.t.Fatal(err)
	}
	return join(block("CERTIFICATE", der), a.pem(a.Intermediate))
}
