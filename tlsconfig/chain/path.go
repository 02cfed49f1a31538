package chain

import (
	"bytes"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"slices"
	"time"
)

const fullchain = "put the CA's chain behind your certificate, as in fullchain.pem"

// path finds the certificates that signed the leaf, and those above. It checks the signers and describes the rest.
func (v *Verdict) path(certs []*x509.Certificate, at int, now time.Time, damaged bool) {
	leaf := certs[at]
	var others []*x509.Certificate // each once
	for i, c := range certs {
		switch first := slices.IndexFunc(certs, c.Equal); {
		case i == at:
		case c.Equal(leaf):
			v.note(Path, fmt.Sprintf("certificate %d is a second copy of the leaf; it is not served", i+1), "")
		case first < i:
			v.note(Path, fmt.Sprintf("certificate %d is a second copy of certificate %d; it is served once",
				i+1, first+1), "")
		default:
			others = append(others, c)
		}
	}
	if at > 0 {
		v.note(Path, fmt.Sprintf("the leaf is certificate %d of %d; it is served first, as clients expect",
			at+1, len(certs)), "")
	}
	signers := signersOf(leaf, others, now)
	v.Served = append([]*x509.Certificate{leaf}, climb(signers, others, now)...)
	v.SelfSigned = selfSigned(leaf)
	v.Alone = !slices.ContainsFunc(others, isCA) && !v.SelfSigned
	switch {
	case len(signers) > 0:
		v.signer(leaf, signers, now)
	case damaged: // the missing certificate may be the one that cannot be read
	case v.SelfSigned:
		v.note(Path, "it is self-signed: only clients that were given it accept it", "")
	case v.Alone:
		v.note(Path, fmt.Sprintf("no CA certificate came with it: "+
			"clients accept it only where %q is a root that they know", name(leaf.Issuer)), fullchain)
	default:
		v.fault(Path, noSigner(leaf, others), fullchain)
	}
	v.rest(certs, others, now)
}

// signed reports whether parent's key made child's signature. The names must match too, because clients find parents by
// name.
func signed(child, parent *x509.Certificate) bool {
	if !bytes.Equal(child.RawIssuer, parent.RawSubject) {
		return false
	}
	err := parent.CheckSignature(child.SignatureAlgorithm, child.RawTBSCertificate, child.Signature)
	var insecure x509.InsecureAlgorithmError
	return err == nil || errors.As(err, &insecure) // crypto/x509 does not verify MD5, which Judge reports as a fault
}

// signersOf returns those of others that signed c, sorted by their number of faults. A CA may have several certificates
// for one key, from several roots, and one without faults is enough.
func signersOf(c *x509.Certificate, others []*x509.Certificate, now time.Time) []*x509.Certificate {
	var out []*x509.Certificate
	for _, o := range others {
		if !o.Equal(c) && signed(c, o) {
			out = append(out, o)
		}
	}
	slices.SortStableFunc(out, func(a, b *x509.Certificate) int {
		return len(signerFaults(c, a, now)) - len(signerFaults(c, b, now))
	})
	return out
}

// climb returns the path above the leaf: its signers, their signers, and so on, each once.
func climb(signers, others []*x509.Certificate, now time.Time) []*x509.Certificate {
	path := slices.Clone(signers)
	for i := 0; i < len(path); i++ {
		for _, up := range signersOf(path[i], others, now) {
			if !slices.ContainsFunc(path, up.Equal) {
				path = append(path, up)
			}
		}
	}
	return path
}

// signer judges the best certificate of those that signed the leaf.
func (v *Verdict) signer(leaf *x509.Certificate, signers []*x509.Certificate, now time.Time) {
	best := signers[0]
	found := signerFaults(leaf, best, now)
	for _, text := range found {
		v.fault(Path, fmt.Sprintf("the certificate that signed it, %q, %s", name(best.Subject), text),
			"get the CA's present chain, and put it behind your certificate")
	}
	if len(found) > 0 {
		return
	}
	for _, twin := range signers[1:] {
		if texts := signerFaults(leaf, twin, now); len(texts) > 0 {
			v.note(Path, fmt.Sprintf("a second certificate of %q %s; the other one is good",
				name(twin.Subject), texts[0]), "")
		}
	}
	if best.NotAfter.Before(leaf.NotAfter) {
		v.note(Path, fmt.Sprintf("the certificate that signed it, %q, ends before it, on %s", name(best.Subject),
			date(best.NotAfter)), "")
	}
}

// signerFaults returns why clients refuse signer as the parent of leaf.
func signerFaults(leaf, signer *x509.Certificate, now time.Time) []string {
	var out []string
	add := func(is bool, text string) {
		if is {
			out = append(out, text)
		}
	}
	add(now.After(signer.NotAfter), "expired on "+date(signer.NotAfter))
	add(now.Before(signer.NotBefore), "is valid only from "+date(signer.NotBefore)+"; is the clock right?")
	add(!isCA(signer), "is not a CA's")
	add(signer.KeyUsage != 0 && signer.KeyUsage&x509.KeyUsageCertSign == 0, "may not sign certificates (key usage)")
	add(len(signer.ExtKeyUsage)+len(signer.UnknownExtKeyUsage) > 0 && !serves(signer),
		"may not sign certificates for servers (extended key usage)")
	add(outdated(signer) && !selfSigned(signer),
		"is itself signed by "+signer.SignatureAlgorithm.String()+", which clients refuse")
	add(len(leaf.AuthorityKeyId) > 0 && len(signer.SubjectKeyId) > 0 &&
		!bytes.Equal(leaf.AuthorityKeyId, signer.SubjectKeyId),
		"has another key identifier than the certificate names")
	if k, ok := signer.PublicKey.(*rsa.PublicKey); ok {
		add(k.N.BitLen() < 2048, fmt.Sprintf("has a key, RSA %d, that is too short: clients refuse it", k.N.BitLen()))
	}
	if len(out) > 0 || now.After(leaf.NotAfter) || now.Before(leaf.NotBefore) || outdated(leaf) ||
		len(leaf.UnhandledCriticalExtensions) > 0 {
		return out
	}
	// Verify checks the rest, such as name constraints and path length, as a client that trusts the signer does. The
	// purpose of the leaf is judged elsewhere.
	roots := x509.NewCertPool()
	roots.AddCert(signer)
	if _, err := leaf.Verify(x509.VerifyOptions{Roots: roots, CurrentTime: now,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}); err != nil {
		out = append(out, plain(err))
	}
	return out
}

// plain explains an error of crypto/x509 about a path to an operator.
func plain(err error) string {
	var invalid x509.CertificateInvalidError
	if errors.As(err, &invalid) {
		switch invalid.Reason {
		case x509.CANotAuthorizedForThisName:
			return "may not sign for its names (name constraints): " + invalid.Detail
		case x509.TooManyIntermediates:
			return "allows fewer CA certificates below it (path length)"
		}
	}
	return "is not accepted as its signer: " + err.Error()
}

// isCA reports whether a certificate is a CA's. Roots of version 1 cannot say so, and some are still in use.
func isCA(c *x509.Certificate) bool {
	return c.BasicConstraintsValid && c.IsCA || c.Version < 3 && selfSigned(c)
}

func noSigner(leaf *x509.Certificate, others []*x509.Certificate) string {
	sameName := func(o *x509.Certificate) bool { return bytes.Equal(o.RawSubject, leaf.RawIssuer) }
	if i := slices.IndexFunc(others, sameName); i >= 0 {
		return fmt.Sprintf("the certificate of %q in it has another key than the one that signed the leaf, "+
			"so clients find no path to a root", name(others[i].Subject))
	}
	i := slices.IndexFunc(others, isCA)
	return fmt.Sprintf("none of the CA certificates in it signed the leaf: that is by %q, and in it is %q, "+
		"so clients find no path to a root", name(leaf.Issuer), name(others[i].Subject))
}

// rest describes the certificates above the signer, and those that are not in the path.
func (v *Verdict) rest(certs, others []*x509.Certificate, now time.Time) {
	for _, c := range others {
		text, fix := "", ""
		switch {
		case !slices.ContainsFunc(v.Served, c.Equal):
			text = "has nothing to do with the leaf; it is not served"
		case signed(v.Served[0], c): // signer has judged it
		case now.After(c.NotAfter):
			text = "further up, expired on " + date(c.NotAfter)
		case now.Before(c.NotBefore):
			text = "further up, is valid only from " + date(c.NotBefore)
		case selfSigned(c):
			text, fix = "is a root: clients that trust it have it already", "leave it out"
		case !isCA(c):
			text = "further up, is not a CA's"
		case outdated(c):
			text = "further up, is signed by " + c.SignatureAlgorithm.String()
		}
		if text != "" {
			at := slices.IndexFunc(certs, c.Equal) + 1
			v.note(Path, fmt.Sprintf("certificate %d, %q, %s", at, name(c.Subject), text), fix)
		}
	}
}

// name returns the common name of a certificate's holder, or else the whole name.
func name(n pkix.Name) string {
	if n.CommonName != "" {
		return n.CommonName
	}
	return n.String()
}
