// Package chaintest makes certificates for tests, good ones and every kind of bad one, with real keys and signatures.
// Every package that checks a pair is tested with them.
package chaintest

import (
	"bytes"
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
	"testing"
	"time"
)

// Authority is a CA with a root and an intermediate. Its names are what it issues for.
type Authority struct {
	Names              []string
	Root, Intermediate *x509.Certificate
	rootKey, key       crypto.Signer
	now                time.Time
}

// New makes an Authority that issues for names. The first parameter makes sure that only tests call it.
func New(_ testing.TB, names ...string) *Authority {
	a := &Authority{Names: names, rootKey: ec(), key: ec(), now: time.Now()}
	root := a.ca("Test Root")
	a.Root = sign(root, root, a.rootKey.Public(), a.rootKey)
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
func (a *Authority) Good() (certPEM, keyPEM []byte) { return Row{}.Pair(a) }

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
	return sign(template, a.Intermediate, public, a.key)
}

// above makes an intermediate for the authority's key. change alters it before it is signed.
func (a *Authority) above(change func(*x509.Certificate)) *x509.Certificate {
	template := a.ca("Test Intermediate")
	if change != nil {
		change(template)
	}
	return sign(template, a.Root, a.key.Public(), a.rootKey)
}

// cross makes a certificate for the root's key by another root.
func (a *Authority) cross(change func(*x509.Certificate)) *x509.Certificate {
	key, elder, template := ec(), a.ca("Elder Root"), a.ca("Test Root")
	change(template)
	return sign(template, sign(elder, elder, key.Public(), key), a.rootKey.Public(), key)
}

// foreign makes an intermediate of an unrelated CA.
func foreign() *x509.Certificate {
	other := New(nil)
	return sign(other.ca("Another CA"), other.Root, other.key.Public(), other.rootKey)
}

func (a *Authority) ca(name string) *x509.Certificate {
	return &x509.Certificate{
		Subject:   pkix.Name{CommonName: name},
		NotBefore: a.now.Add(-24 * time.Hour), NotAfter: a.now.Add(365 * 24 * time.Hour),
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, IsCA: true, BasicConstraintsValid: true,
	}
}

// sha1 makes a leaf signed with SHA-1, as was usual until 2015. crypto/x509 no longer makes such a signature, so sha1
// signs the parts of another certificate again.
func (a *Authority) sha1(public crypto.PublicKey) *x509.Certificate {
	oldName := pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2}} // ecdsa-with-SHA256
	newName := pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 1}}    // ecdsa-with-SHA1
	var tbs asn1.RawValue
	must(asn1.Unmarshal(a.leaf(public, nil).RawTBSCertificate, &tbs))
	body := bytes.Replace(tbs.Bytes, must(asn1.Marshal(oldName)), must(asn1.Marshal(newName)), 1)
	signed := must(asn1.Marshal(asn1.RawValue{Tag: asn1.TagSequence, IsCompound: true, Bytes: body}))
	sum := sha1.Sum(signed)
	signature := must(a.key.Sign(rand.Reader, sum[:], crypto.SHA1))
	return must(x509.ParseCertificate(must(asn1.Marshal(struct {
		TBS       asn1.RawValue
		Algorithm pkix.AlgorithmIdentifier
		Signature asn1.BitString
	}{asn1.RawValue{FullBytes: signed}, newName, asn1.BitString{Bytes: signature, BitLength: len(signature) * 8}}))))
}

func sign(template, parent *x509.Certificate, public crypto.PublicKey, key crypto.Signer) *x509.Certificate {
	template.SerialNumber = must(rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120)))
	return must(x509.ParseCertificate(must(x509.CreateCertificate(rand.Reader, template, parent, public, key))))
}

func ec() crypto.Signer { return must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)) }

func pemOf(certs ...*x509.Certificate) []byte {
	var out []byte
	for _, c := range certs {
		out = append(out, block("CERTIFICATE", c.Raw)...)
	}
	return out
}

func block(label string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: label, Bytes: der})
}

// must panics: what it wraps fails only if this package is wrong.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
