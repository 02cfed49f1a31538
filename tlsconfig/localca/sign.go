package localca

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"slices"
	"strings"
	"time"
)

func caTemplate(tier string, key *ecdsa.PrivateKey, pathLen int, unconstrained bool) *x509.Certificate {
	now := time.Now()
	kind := "dev"
	if unconstrained {
		kind = "dev unconstrained" // visible to a user who looks through a trust store
	}
	template := &x509.Certificate{
		SerialNumber: serial(),
		// The key's fingerprint keeps names apart: two CAs of one name and different keys confuse browsers,
		// and iOS lists only roots that have a common name.
		Subject: pkix.Name{
			Organization: []string{Organization},
			CommonName: fmt.Sprintf("Turnkey %s %s %s %s %s",
				kind, tier, hostname(), now.Format("2006-01-02"), fingerprint(key)),
		},
		NotBefore:             now.Add(-backdate),
		NotAfter:              now.Add(caLifetime),
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		IsCA:                  true,
		BasicConstraintsValid: true,
		MaxPathLen:            pathLen,
		MaxPathLenZero:        pathLen == 0,
	}
	if !unconstrained {
		template.PermittedDNSDomainsCritical = true
		template.PermittedDNSDomains = append(slices.Clone(permittedDNS), ownName()...)
		template.PermittedIPRanges = permittedIP
	}
	return template
}

// ownName returns this machine's name if it has a single label. Such a name is never public, and people type it.
func ownName() []string {
	if h := hostname(); h != "" && !strings.Contains(h, ".") && !slices.Contains(permittedDNS, h) {
		return []string{h}
	}
	return nil
}

func sign(template, parent *x509.Certificate, pub crypto.PublicKey, key *ecdsa.PrivateKey) (*x509.Certificate, error) {
	if parent == nil {
		parent = template
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, pub, key)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}

func marshalKey(key *ecdsa.PrivateKey) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

func certPEM(c *x509.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
}

// serial returns 127 random bits: positive, and within the 20 bytes of RFC 5280 §4.1.2.2.
func serial() *big.Int {
	b := make([]byte, 16)
	rand.Read(b) // never fails since Go 1.24
	b[0] &= 0x7f
	return new(big.Int).SetBytes(b)
}

func fingerprint(key *ecdsa.PrivateKey) string {
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return "unknown"
	}
	sum := sha256.Sum256(der)
	return hex.EncodeToString(sum[:4])
}

func hostname() string {
	h, err := os.Hostname()
	if err != nil {
		return ""
	}
	return strings.ToLower(h)
}
