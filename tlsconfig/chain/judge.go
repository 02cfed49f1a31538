package chain

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"
)

// Judge judges certificates and a key as clients that ask for names do at the time now. The leaf is the certificate
// that belongs to the key, and the others may be in any order. Without a key the first certificate is the leaf, as it
// is for a client (RFC 8446 §4.4.2).
func Judge(certs []*x509.Certificate, key crypto.PrivateKey, names []string, now time.Time) Verdict {
	if key == nil && len(certs) > 0 {
		return judgeLeaf(certs, 0, names, now, false)
	}
	return judge(certs, key, names, now, false)
}

// judge is Judge for certificates of a file. damaged means that some could not be read, which is reported already. Then
// a missing certificate is no second fault.
func judge(certs []*x509.Certificate, key crypto.PrivateKey, names []string, now time.Time, damaged bool) Verdict {
	if len(certs) == 0 {
		v := Verdict{}
		if !damaged {
			v.fault(Files, "holds no PEM certificate", "")
		}
		return v
	}
	var best Verdict
	found := false
	for i, c := range certs {
		// A file may hold several certificates for one key, such as an old one and its renewal. The best one is served.
		if key == nil || !belongs(c, key) || slices.ContainsFunc(certs[:i], c.Equal) {
			continue
		}
		if v := judgeLeaf(certs, i, names, now, damaged); !found || len(v.Faults) < len(best.Faults) {
			best, found = v, true
		}
	}
	if found {
		return best
	}
	// No certificate belongs to the key. The other faults are those of the first certificate that is not a CA's.
	leaf := max(0, slices.IndexFunc(certs, func(c *x509.Certificate) bool { return !c.IsCA }))
	v := judgeLeaf(certs, leaf, names, now, damaged)
	v.Served = nil
	if key != nil {
		v.Faults = slices.Insert(v.Faults, 0, mismatch(certs[leaf], key))
	}
	return v
}

func judgeLeaf(certs []*x509.Certificate, i int, names []string, now time.Time, damaged bool) Verdict {
	leaf, v := certs[i], Verdict{}
	v.faultIf(now.After(leaf.NotAfter), Dates, "it expired on "+date(leaf.NotAfter), "")
	v.faultIf(now.Before(leaf.NotBefore), Dates,
		"it is valid only from "+date(leaf.NotBefore)+"; is the clock right?", "")
	if len(leaf.DNSNames)+len(leaf.IPAddresses) == 0 {
		v.fault(Names, "it names no host (subject alternative names), so no browser accepts it", "")
	} else {
		for _, name := range names {
			v.faultIf(!covers(leaf, name), Names, "it is not for "+name, "")
		}
	}
	v.purpose(leaf)
	v.publicKey(leaf)
	v.path(certs, i, now, damaged)
	return v
}

// covers reports whether a certificate is for a host name, an address, or exactly that wildcard.
func covers(leaf *x509.Certificate, name string) bool {
	if strings.HasPrefix(name, "*.") {
		return slices.ContainsFunc(leaf.DNSNames, func(n string) bool { return strings.EqualFold(n, name) })
	}
	if ip := net.ParseIP(name); ip != nil {
		return slices.ContainsFunc(leaf.IPAddresses, ip.Equal)
	}
	return leaf.VerifyHostname(name) == nil
}

// purpose looks at what the CA made the certificate for.
func (v *Verdict) purpose(leaf *x509.Certificate) {
	v.faultIf(len(leaf.ExtKeyUsage)+len(leaf.UnknownExtKeyUsage) > 0 && !serves(leaf), Purpose,
		"it is not for a server (its extended key usage lacks server authentication), so clients refuse it", "")
	// TLS 1.3 and every ECDHE suite have the server sign: RFC 8446 §4.4.2.2. Chrome enforces it for RSA too.
	v.faultIf(leaf.KeyUsage != 0 && leaf.KeyUsage&x509.KeyUsageDigitalSignature == 0, Purpose,
		"its key may not sign a handshake (its key usage lacks digital signature), so browsers refuse it", "")
	if unknown := leaf.UnhandledCriticalExtensions; len(unknown) > 0 {
		v.fault(Purpose, fmt.Sprintf("it has a critical extension (%s) that clients do not know, so they refuse it",
			unknown[0]), "")
	}
	if leaf.IsCA {
		v.note(Purpose, "it is a CA certificate itself, which Firefox does not accept from a server", "")
	}
}

// serves reports whether a certificate's extended key usage allows servers.
func serves(c *x509.Certificate) bool {
	return slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageServerAuth) ||
		slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageAny)
}

const newKey = "make a new key, ECDSA P-256 or RSA 2048, and get a certificate for it"

// publicKey judges the leaf's key, and the signature on it.
func (v *Verdict) publicKey(leaf *x509.Certificate) {
	switch k := leaf.PublicKey.(type) {
	case *rsa.PublicKey:
		bits := k.N.BitLen()
		v.faultIf(bits < 2048, Key, fmt.Sprintf("its key, RSA %d, is too short: clients refuse it", bits), newKey)
		if bits > 8192 {
			v.note(Key, fmt.Sprintf("its key, RSA %d, is longer than 8192 bits, which Go's clients refuse", bits), "")
		}
	case *ecdsa.PublicKey:
		curve := k.Curve.Params()
		v.faultIf(curve.BitSize < 256, Key,
			"its key, ECDSA "+curve.Name+", cannot be used in TLS: clients refuse it", newKey)
		if curve.BitSize > 384 {
			v.note(Key, "its key is ECDSA "+curve.Name+", which Chrome does not accept", "")
		}
	case ed25519.PublicKey:
		v.note(Key, "its key is Ed25519, which browsers do not accept", "")
	default:
		v.fault(Key, "its key is of a kind that TLS cannot use", newKey)
	}
	v.faultIf(leaf.SignatureAlgorithm == x509.UnknownSignatureAlgorithm, Key,
		"it is signed by an algorithm that clients do not know", "")
	v.faultIf(outdated(leaf) && !selfSigned(leaf), Key,
		"it is signed by "+leaf.SignatureAlgorithm.String()+", which clients refuse",
		"get a new certificate: today's CAs sign with SHA-256 or better")
}

// outdated reports whether a certificate's signature is by a hash that can be forged. Clients do not verify a root's.
func outdated(c *x509.Certificate) bool {
	return slices.Contains([]x509.SignatureAlgorithm{x509.MD2WithRSA, x509.MD5WithRSA, x509.SHA1WithRSA,
		x509.DSAWithSHA1, x509.ECDSAWithSHA1}, c.SignatureAlgorithm)
}

func belongs(c *x509.Certificate, key crypto.PrivateKey) bool {
	signer, ok := key.(crypto.Signer)
	if !ok {
		return false
	}
	public, ok := signer.Public().(interface{ Equal(crypto.PublicKey) bool })
	return ok && public.Equal(c.PublicKey)
}

func mismatch(leaf *x509.Certificate, key crypto.PrivateKey) Reason {
	ours, theirs := "of another kind", kind(leaf.PublicKey)
	if signer, ok := key.(crypto.Signer); ok {
		ours = kind(signer.Public())
	}
	if ours != theirs {
		return Reason{About: Files, Key: true, Text: "belongs to another certificate: the key is " + ours +
			", the certificate's is " + theirs}
	}
	return Reason{About: Files, Text: "the key belongs to another certificate"} // either file may be the wrong one
}

func kind(public crypto.PublicKey) string {
	switch public.(type) {
	case *rsa.PublicKey:
		return "RSA"
	case *ecdsa.PublicKey:
		return "ECDSA"
	case ed25519.PublicKey:
		return "Ed25519"
	}
	return "of another kind"
}

// selfSigned reports whether a certificate is signed by its own key. MD5 is no longer verified: the names must do.
func selfSigned(c *x509.Certificate) bool {
	return bytes.Equal(c.RawIssuer, c.RawSubject) && signed(c, c)
}

// longestLate is the longest time before its end at which a certificate is overdue: people renew one of a year in its
// last month.
const longestLate = 21 * 24 * time.Hour

// Margin returns how much of a certificate's life is left when it is due for renewal: a third, or half of a life under
// ten days. That is Let's Encrypt's advice, which certbot and this server follow.
func Margin(leaf *x509.Certificate) time.Duration {
	life := leaf.NotAfter.Sub(leaf.NotBefore)
	if life < 10*24*time.Hour {
		return life / 2
	}
	return life / 3
}

// Overdue reports whether a certificate should have been renewed by now: half of Margin is over, in which the program
// that renews it has tried repeatedly. A certificate that has expired is overdue too.
func Overdue(leaf *x509.Certificate, now time.Time) bool {
	return leaf.NotAfter.Sub(now) < min(Margin(leaf)/2, longestLate)
}
