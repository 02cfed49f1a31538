package site

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"fmt"
)

// key checks the key and the signatures. Signatures of roots do not matter.
func key(s *section, chain []*x509.Certificate) {
	kind, weak := "", false
	switch k := chain[0].PublicKey.(type) {
	case *rsa.PublicKey:
		kind, weak = fmt.Sprintf("RSA %d", k.N.BitLen()), k.N.BitLen() < 2048
	case *ecdsa.PublicKey:
		kind = "ECDSA " + k.Curve.Params().Name
		weak = k.Curve.Params().BitSize < 256
	case ed25519.PublicKey:
		kind = "Ed25519, which browsers do not accept"
	default:
		kind = "of a kind that is not known here"
	}
	old := ""
	for _, c := range chain {
		switch c.SignatureAlgorithm {
		case x509.MD5WithRSA, x509.SHA1WithRSA, x509.ECDSAWithSHA1, x509.DSAWithSHA1:
			if !selfSigned(c) {
				old = c.SignatureAlgorithm.String()
			}
		}
	}
	switch {
	case weak:
		s.wrong("key", kind+" is too short: browsers refuse it",
			"make a new key, ECDSA P-256 or RSA 2048, and get a certificate for it")
	case old != "":
		s.wrong("key", kind+", but signed by "+old+", which browsers refuse", "get a certificate from an authority of today")
	default:
		s.ok("key", kind+", signed by "+chain[0].SignatureAlgorithm.String())
	}
}
