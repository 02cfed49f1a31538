package site

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// trust builds a chain from the served certificates alone to a trusted root. It ignores the dates, which have a check
// of their own.
func (l *look) trust(s *section, chain []*x509.Certificate) {
	leaf := chain[0]
	chains, err := l.verify(chain)
	var weak x509.InsecureAlgorithmError
	switch {
	case errors.As(err, &weak):
		s.skip("trust", "cannot be told with that signature: see below")
	case err == nil && practice(leaf):
		s.warn("trust", "issued by "+issuer(leaf)+", for practice; it is trusted here by --ca alone", stagingFix)
	case err == nil && missing(chain, chains[0]) != "":
		s.wrong("trust", "the intermediate "+missing(chain, chains[0])+" is missing: this machine knows it, others do not",
			fullchain)
	case err == nil:
		s.ok("trust", fmt.Sprintf("issued by %s, under the root %s", issuer(leaf), part(root(chains[0]))))
	case practice(leaf):
		s.wrong("trust", "issued by "+issuer(leaf)+", for practice: no browser trusts it", stagingFix)
	case selfSigned(leaf):
		s.wrong("trust", "it is signed by itself, so every browser warns",
			"get one from an authority; for a site of this project: ENV=prod and DOMAINS")
	case missingIssuer(chain) != "":
		s.wrong("trust", "the server does not send the intermediate "+missingIssuer(chain)+", so clients cannot get from "+
			"the certificate to a root",
			fullchain+"; if that is a private root: --ca FILE")
	default:
		s.wrong("trust", "its issuer "+issuer(leaf)+" leads to no root that this machine trusts: "+part(err.Error()),
			"use a public authority, or --ca FILE for a private one")
	}
}

// verify does what a client does that has the served chain and no cache of intermediates.
func (l *look) verify(chain []*x509.Certificate) ([][]*x509.Certificate, error) {
	intermediates := x509.NewCertPool()
	for _, c := range chain[1:] {
		intermediates.AddCert(c)
	}
	at := l.now
	if leaf := chain[0]; at.After(leaf.NotAfter) {
		at = leaf.NotAfter.Add(-time.Second)
	} else if at.Before(leaf.NotBefore) {
		at = leaf.NotBefore.Add(time.Second)
	}
	return chain[0].Verify(x509.VerifyOptions{Roots: l.roots, Intermediates: intermediates, CurrentTime: at})
}

// missing returns an intermediate of a verified chain that the system had cached and the server did not send.
func missing(served, verified []*x509.Certificate) string {
	for i := 1; i < len(verified)-1; i++ {
		if !slices.ContainsFunc(served, verified[i].Equal) {
			return part(verified[i].Subject.CommonName)
		}
	}
	return ""
}

// missingIssuer returns the issuer at which the served certificates end without a self-signed one.
func missingIssuer(chain []*x509.Certificate) string {
	at := chain[0]
	for range chain {
		i := slices.IndexFunc(chain, func(c *x509.Certificate) bool {
			return !c.Equal(at) &&
				at.CheckSignatureFrom(c) == nil
		})
		if i < 0 {
			break
		}
		at = chain[i]
	}
	if selfSigned(at) || !at.Equal(chain[0]) {
		return "" // the chain ends at a root that is not trusted
	}
	return issuer(at)
}

func issuer(c *x509.Certificate) string {
	name := c.Issuer.CommonName
	if org := strings.Join(c.Issuer.Organization, " "); org != "" && !strings.Contains(name, org) {
		name = strings.TrimSpace(org + " " + name)
	}
	if name == "" {
		name = c.Issuer.String()
	}
	return part(name)
}

func root(chain []*x509.Certificate) string {
	last := chain[len(chain)-1]
	if last.Subject.CommonName != "" {
		return last.Subject.CommonName
	}
	return last.Subject.String()
}

func selfSigned(c *x509.Certificate) bool {
	return bytes.Equal(c.RawIssuer, c.RawSubject) && c.CheckSignature(c.SignatureAlgorithm, c.RawTBSCertificate,
		c.Signature) == nil
}

// practice reports whether the issuer is a test CA that no browser is meant to trust.
func practice(c *x509.Certificate) bool {
	text := c.Issuer.String()
	return slices.ContainsFunc([]string{"(STAGING)", "Fake LE ", "Pebble Root", "Pebble Intermediate"},
		func(word string) bool {
			return strings.Contains(text, word)
		})
}

// order checks the served list: each certificate signed by the next, and none too many.
func order(s *section, chain []*x509.Certificate) {
	for i := range len(chain) - 1 {
		if chain[i].CheckSignatureFrom(chain[i+1]) != nil {
			s.warn("chain", fmt.Sprintf("certificate %d of %d, %s, is not signed by the one after it: old clients stumble "+
				"over that", i+1, len(chain), part(chain[i].Subject.CommonName)),
				"put them in order: your certificate, then who signed it, then who signed that; take out what does not belong")
			return
		}
	}
	last := chain[len(chain)-1]
	if len(chain) > 1 && selfSigned(last) {
		s.warn("chain", "the root "+part(last.Subject.CommonName)+" is served too: harmless, and bytes for nothing, as "+
			"clients have it or will not believe it", "leave it out of the file")
		return
	}
	s.ok("chain", fmt.Sprintf("%d served, in order", len(chain)))
}
