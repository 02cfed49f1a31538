package rig

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"testing"
	"time"
)

// CA is a certificate authority: a root, and an intermediate that signs leaves.
type CA struct {
	root, issuer *x509.Certificate
	key          *ecdsa.PrivateKey // the intermediate's
}

// NewCA makes a CA that no client trusts yet.
func NewCA(t testing.TB, name string) *CA {
	t.Helper()
	rootKey, key := newKey(t), newKey(t)
	root := sign(t, authority(name+" root"), nil, rootKey, rootKey)
	return &CA{root, sign(t, authority(name+" intermediate"), root, key, rootKey), key}
}

// Leaf is the content of a certificate. Without dates it is valid from an hour ago for 90 days.
type Leaf struct {
	Names               []string // DNS names and addresses
	NotBefore, NotAfter time.Time
	Key                 *ecdsa.PrivateKey // nil: a fresh one
}

// Pair is a certificate with its chain and its key, PEM encoded.
type Pair struct {
	Chain, Key []byte
	Leaf       *x509.Certificate
	LeafOnly   []byte // the first block of Chain
}

// Issue signs a certificate for servers and clients.
func (ca *CA) Issue(t testing.TB, leaf Leaf) Pair {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: serial(t),
		Subject:      pkix.Name{CommonName: "leaf"},
		NotBefore:    leaf.NotBefore,
		NotAfter:     leaf.NotAfter,
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	if template.NotBefore.IsZero() {
		template.NotBefore = time.Now().Add(-time.Hour)
	}
	if template.NotAfter.IsZero() {
		template.NotAfter = time.Now().Add(90 * 24 * time.Hour)
	}
	for _, name := range leaf.Names {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	key := leaf.Key
	if key == nil {
		key = newKey(t)
	}
	cert := sign(t, template, ca.issuer, key, ca.key)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	first := block("CERTIFICATE", cert.Raw)
	return Pair{
		Chain: append(append([]byte{}, first...), block("CERTIFICATE", ca.issuer.Raw)...),
		Key:   block("PRIVATE KEY", der), Leaf: cert, LeafOnly: first,
	}
}

// RootPEM returns the root in PEM.
func (ca *CA) RootPEM() []byte { return block("CERTIFICATE", ca.root.Raw) }

// Pool returns the root as a pool.
func (ca *CA) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(ca.root)
	return pool
}

// Pool returns a pool of PEM certificates.
func Pool(t testing.TB, pemData []byte) *x509.CertPool {
	t.Helper()
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pemData) {
		t.Fatalf("no certificate in %q", pemData)
	}
	return pool
}

// Write puts the pair into two files.
func (p Pair) Write(t testing.TB, certFile, keyFile string) {
	t.Helper()
	Write(t, certFile, p.Chain, 0o644)
	Write(t, keyFile, p.Key, 0o600)
}

// TLS returns the pair for crypto/tls.
func (p Pair) TLS(t testing.TB) tls.Certificate {
	t.Helper()
	cert, err := tls.X509KeyPair(p.Chain, p.Key)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func authority(name string) *x509.Certificate {
	return &x509.Certificate{
		Subject:               pkix.Name{CommonName: name},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(365 * 24 * time.Hour),
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		IsCA:                  true,
		BasicConstraintsValid: true,
	}
}

func sign(t testing.TB, template, parent *x509.Certificate, key, signer *ecdsa.PrivateKey) *x509.Certificate {
	t.Helper()
	template.SerialNumber = serial(t)
	if parent == nil {
		parent = template
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func serial(t testing.TB) *big.Int {
	t.Helper()
	n, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func block(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}
