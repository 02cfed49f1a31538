// Package localca is a certificate authority for one developer on one machine.
//
// It has two tiers, both limited by name constraints (RFC 5280 §4.2.1.10) to private names and addresses, so
// that trusting it cannot endanger any public site: a root whose private key exists only in memory while the CA
// is made, and one intermediate, whose key is kept (0600) and signs the development certificates. Two constrained
// tiers are needed because some verifiers, Java's among them, ignore constraints on a trust anchor.
//
// Nothing here runs in production.
package localca

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"slices"
	"strings"
	"time"
)

const (
	// Organization marks every certificate of this package, so that Ensure replaces no other CA's certificate.
	Organization = "Turnkey development CA"

	// RootFile is the public root certificate in the CA's directory: the one file to trust.
	RootFile = "root.pem"

	caLifetime   = 5 * 365 * 24 * time.Hour
	leafLifetime = 90 * 24 * time.Hour

	// backdate allows for clients whose clocks are behind: virtual machines after sleep, phones, WSL.
	backdate = 24 * time.Hour
)

// permittedDNS are the zones that can never be public: RFC 6761 and 6762, RFC 8375 and ICANN's .internal.
var permittedDNS = []string{"localhost", "test", "local", "internal", "home.arpa"}

// permittedIP are loopback, private, link-local, carrier-grade and unique local addresses.
var permittedIP = parseCIDRs("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16",
	"100.64.0.0/10", "::1/128", "fc00::/7", "fe80::/10")

// CA issues development certificates. It is safe for concurrent use.
type CA struct {
	root   *x509.Certificate
	issuer *x509.Certificate
	key    *ecdsa.PrivateKey
}

// New makes a CA in memory. Its root key is discarded when New returns.
func New() (*CA, error) { return newCA(false) }

func newCA(unconstrained bool) (*CA, error) {
	rootKey, key := newKey(), newKey()
	root, err := sign(caTemplate("root", rootKey, 1, unconstrained), nil, rootKey.Public(), rootKey)
	if err != nil {
		return nil, fmt.Errorf("signing the development root: %w", err)
	}
	issuer, err := sign(caTemplate("intermediate", key, 0, unconstrained), root, key.Public(), rootKey)
	if err != nil {
		return nil, fmt.Errorf("signing the development intermediate: %w", err)
	}
	return &CA{root: root, issuer: issuer, key: key}, nil
}

// Root is the certificate to trust.
func (ca *CA) Root() *x509.Certificate { return ca.root }

func (ca *CA) RootPEM() []byte { return certPEM(ca.root) }

// Permits reports whether the CA may sign for a DNS name or IP address. Clients refuse a certificate with a single name
// outside the constraints, so ask before Issue.
func (ca *CA) Permits(name string) bool {
	if !ca.constrained() {
		return true
	}
	if ip := net.ParseIP(name); ip != nil {
		return slices.ContainsFunc(ca.issuer.PermittedIPRanges, func(n *net.IPNet) bool { return n.Contains(ip) })
	}
	return slices.ContainsFunc(ca.issuer.PermittedDNSDomains, func(zone string) bool {
		return name == zone || strings.HasSuffix(name, "."+zone)
	})
}

// Issue signs a server certificate for DNS names and IP addresses, with a new key. The chain is leaf and intermediate.
// The root is left out, because clients have it.
func (ca *CA) Issue(names []string) (chainPEM, keyPEM []byte, err error) {
	key, now := newKey(), time.Now()
	template := &x509.Certificate{
		SerialNumber: serial(),
		Subject:      pkix.Name{Organization: []string{Organization}, CommonName: "development certificate"},
		NotBefore:    now.Add(-backdate),
		NotAfter:     now.Add(leafLifetime),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		// This writes CA:FALSE into the certificate, which Firefox requires of a server's.
		BasicConstraintsValid: true,
	}
	for _, name := range names {
		if !ca.Permits(name) {
			return nil, nil, fmt.Errorf(
				"the development CA may not sign %q: it is limited to private names and addresses", name)
		}
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	leaf, err := sign(template, ca.issuer, key.Public(), ca.key)
	if err != nil {
		return nil, nil, fmt.Errorf("signing the development certificate: %w", err)
	}
	keyPEM, err = marshalKey(key)
	return append(certPEM(leaf), certPEM(ca.issuer)...), keyPEM, err
}

// Issued reports whether this CA signed the leaf.
func (ca *CA) Issued(leaf *x509.Certificate) bool { return leaf.CheckSignatureFrom(ca.issuer) == nil }

func (ca *CA) constrained() bool {
	return len(ca.root.PermittedDNSDomains) > 0 && len(ca.root.PermittedIPRanges) > 0 &&
		len(ca.issuer.PermittedDNSDomains) > 0 && len(ca.issuer.PermittedIPRanges) > 0
}

func (ca *CA) fromFuture(now time.Time) bool { return now.Before(ca.issuer.NotBefore) }

func parseCIDRs(cidrs ...string) []*net.IPNet {
	var out []*net.IPNet
	for _, c := range cidrs {
		_, n, _ := net.ParseCIDR(c)
		out = append(out, n)
	}
	return out
}

func caTemplate(tier string, key *ecdsa.PrivateKey, pathLen int, unconstrained bool) *x509.Certificate {
	now := time.Now()
	kind := "dev"
	if unconstrained {
		kind = "dev unconstrained" // visible to a user who looks through a trust store
	}
	public, _ := x509.MarshalPKIXPublicKey(key.Public()) // never fails for a key of P-256
	fingerprint := sha256.Sum256(public)
	template := &x509.Certificate{
		SerialNumber: serial(),
		// The key's fingerprint keeps names apart: two CAs of one name and different keys confuse browsers,
		// and iOS lists only roots that have a common name.
		Subject: pkix.Name{
			Organization: []string{Organization},
			CommonName: fmt.Sprintf("Turnkey %s %s %s %s %x", kind, tier, hostname(), now.Format(time.DateOnly),
				fingerprint[:4]),
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
		template.PermittedDNSDomains = slices.Clone(permittedDNS)
		template.PermittedIPRanges = permittedIP
		// This machine's name, if it has a single label. Such a name is never public, and people type it.
		if h := hostname(); h != "" && !strings.Contains(h, ".") && !slices.Contains(permittedDNS, h) {
			template.PermittedDNSDomains = append(template.PermittedDNSDomains, h)
		}
	}
	return template
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

func newKey() *ecdsa.PrivateKey {
	key, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader) // never fails since Go 1.24
	return key
}

func marshalKey(key *ecdsa.PrivateKey) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), err
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
