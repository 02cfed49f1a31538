package handlers

import (
	"bytes"
	"cmp"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// certificate is one of a chain. The first of a chain is the site's own (the leaf). Each is signed by the next, and the
// last by a root that clients have already.
type certificate struct {
	Subject     string    `json:"subject,omitempty"` // common name and organization; many leaves have neither
	Names       []string  `json:"names,omitempty"`   // DNS names and IP addresses that it is for
	Issuer      string    `json:"issuer"`            // common name and organization of the CA that signed it
	NotBefore   time.Time `json:"not_before"`
	NotAfter    time.Time `json:"not_after"`
	DaysLeft    int       `json:"days_left"`   // whole days; below zero once it has expired
	Key         string    `json:"key"`         // kind and size, such as ECDSA P-256
	Signature   string    `json:"signature"`   // algorithm of the issuer's signature, such as ECDSA-SHA256
	Fingerprint string    `json:"fingerprint"` // SHA-256, as openssl x509 -fingerprint -sha256 prints it
	IsCA        bool      `json:"is_ca"`
	SelfSigned  bool      `json:"self_signed"`
}

// Name is what the page calls the certificate: its subject, or the first name that it is for.
func (c certificate) Name() string {
	return cmp.Or(c.Subject, strings.Join(c.Names[:min(1, len(c.Names))], ""), "nameless")
}

// Elapsed is how much of the certificate's lifetime is over, in percent from 0 to 100.
func (c certificate) Elapsed() int {
	life := c.NotAfter.Sub(c.NotBefore)
	if life <= 0 {
		return 100
	}
	return int(min(100, max(0, 100*float64(time.Since(c.NotBefore))/float64(life))))
}

// Left is DaysLeft in words.
func (c certificate) Left() string {
	switch {
	case c.DaysLeft < 0:
		return "expired"
	case c.DaysLeft == 0:
		return "less than a day left"
	case c.DaysLeft == 1:
		return "1 day left"
	}
	return fmt.Sprintf("%d days left", c.DaysLeft)
}

// signatureScheme is the only one that the certificate's key can use in a TLS 1.3 handshake (RFC 8446 §4.2.3). It is
// empty for RSA, which has several.
func (c certificate) signatureScheme() string {
	return map[string]string{"ECDSA P-256": "ecdsa_secp256r1_sha256", "ECDSA P-384": "ecdsa_secp384r1_sha384",
		"ECDSA P-521": "ecdsa_secp521r1_sha512", "Ed25519": "ed25519"}[c.Key]
}

func (c *certificate) setDaysLeft(now time.Time) {
	c.DaysLeft = int(math.Floor(c.NotAfter.Sub(now).Hours() / 24))
}

// chains caches the newest descriptions of certificate chains, so that a chain is not parsed for every request. It is
// safe for concurrent use.
type chains struct {
	newest atomic.Pointer[[]describedChain]
}

type describedChain struct {
	cert  *tls.Certificate
	chain []certificate
}

// maxChains is more than a site has at a time: one for each certificate.
const maxChains = 8

// of describes the chain of cert as it is now.
func (c *chains) of(cert *tls.Certificate) []certificate {
	var known []describedChain
	if p := c.newest.Load(); p != nil {
		known = *p
	}
	i := slices.IndexFunc(known, func(d describedChain) bool { return d.cert == cert })
	if i < 0 {
		known = append([]describedChain{{cert, parseChain(cert)}}, known[:min(len(known), maxChains-1)]...)
		c.newest.Store(&known) // what another request stored meanwhile is lost, and described again later
		i = 0
	}
	chain, now := slices.Clone(known[i].chain), time.Now()
	for i := range chain {
		chain[i].setDaysLeft(now)
	}
	return chain
}

// parseChain leaves out what does not parse, which clients do not accept as a certificate either.
func parseChain(cert *tls.Certificate) []certificate {
	var chain []certificate
	for _, der := range cert.Certificate {
		if c, err := x509.ParseCertificate(der); err == nil {
			chain = append(chain, describeCertificate(c))
		}
	}
	return chain
}

// describeCertificate leaves out DaysLeft, which changes.
func describeCertificate(c *x509.Certificate) certificate {
	out := certificate{
		Subject: nameOf(c.Subject), Names: slices.Clone(c.DNSNames), Issuer: nameOf(c.Issuer),
		NotBefore: c.NotBefore, NotAfter: c.NotAfter,
		Key: keyName(c), Signature: c.SignatureAlgorithm.String(),
		Fingerprint: strings.ReplaceAll(fmt.Sprintf("% X", sha256.Sum256(c.Raw)), " ", ":"),
		IsCA:        c.BasicConstraintsValid && c.IsCA, SelfSigned: bytes.Equal(c.RawSubject, c.RawIssuer),
	}
	for _, ip := range c.IPAddresses {
		out.Names = append(out.Names, ip.String())
	}
	return out
}

// nameOf writes a name as in "E8, Let's Encrypt".
func nameOf(n pkix.Name) string {
	organization := strings.Join(n.Organization, ", ")
	if n.CommonName == "" || organization == "" || organization == n.CommonName {
		return cmp.Or(n.CommonName, organization, n.String())
	}
	return n.CommonName + ", " + organization
}

func keyName(c *x509.Certificate) string {
	switch key := c.PublicKey.(type) {
	case *ecdsa.PublicKey:
		return "ECDSA " + key.Curve.Params().Name
	case *rsa.PublicKey:
		return fmt.Sprintf("RSA %d", key.N.BitLen())
	case ed25519.PublicKey:
		return "Ed25519"
	}
	return c.PublicKeyAlgorithm.String()
}
