package site

import (
	"cmp"
	"crypto/x509"
	"errors"
	"slices"
	"strings"
	"time"

	"example.com/turnkey/scripts/doctor/report"
	"example.com/turnkey/tlsconfig/chain"
)

// trust verifies the served certificates up to trusted roots. It ignores the dates, which have another check.
func (l *look) trust(s *report.Section, served []*x509.Certificate, verdict chain.Verdict) {
	leaf := served[0]
	by := "issued by " + issuer(leaf)
	chains, err := l.verify(served)
	under, cached := anchors(chains, served)
	why := ""
	if err != nil {
		why = part(err.Error())
	}
	_, weak := errors.AsType[x509.InsecureAlgorithmError](err)
	s.First("trust", report.Cases{
		{weak, skip, "cannot be determined with that signature: see below", ""},
		{err == nil && isTestCA(leaf), warn, by + ", a test CA; it is trusted here by --ca alone", stagingFix},
		{cached != "", wrong, "the intermediate " + cached + " is missing: this machine knows it, others do not", fullchain},
		{err == nil, good, by + ", under " + under, ""},
		{isTestCA(leaf), wrong, by + ", a test CA: no browser trusts it", stagingFix},
		{verdict.SelfSigned, wrong, "it is self-signed, so every browser warns",
			"get one from a CA; for a site of this project: ENV=prod and DOMAINS"},
		{len(verdict.Served) == 1, wrong, "the server does not send the intermediate " + issuer(leaf) + ", so clients " +
			"cannot get from the certificate to a root", fullchain + "; if that is a private root: --ca FILE"},
		{true, wrong, "its issuer " + issuer(leaf) + " leads to no root that this machine trusts: " + why,
			"use a public CA, or --ca FILE for a private one"},
	})
}

// anchors returns the roots at which the paths of visitors' clients end. A client goes up from the leaf to the nearest
// root in its store, and stores differ: a server may also send the certificate by which an old root signs a new one.
// Visitors have no path through a certificate that the server does not send. If this system has only such a path,
// cached is the certificate that the server should send.
func anchors(chains [][]*x509.Certificate, served []*x509.Certificate) (under, cached string) {
	slices.SortStableFunc(chains, func(a, b []*x509.Certificate) int { return cmp.Compare(len(a), len(b)) })
	var roots []string
	for _, path := range chains {
		last := len(path) - 1
		isUnsent := func(c *x509.Certificate) bool { return !slices.ContainsFunc(served, c.Equal) }
		unsent := slices.IndexFunc(path[:last], isUnsent)
		if name := common(path[last]); unsent >= 0 {
			cached = common(path[unsent])
		} else if !slices.Contains(roots, name) {
			roots = append(roots, name)
		}
	}
	switch {
	case len(roots) == 0:
		return "", cached
	case len(roots) > 1:
		under = "; clients that do not have that one go on to " + strings.Join(roots[1:], ", and then to ")
	}
	return "the root " + roots[0] + under, ""
}

// common returns a subject's common name, or else the whole subject.
func common(c *x509.Certificate) string {
	return part(cmp.Or(c.Subject.CommonName, c.Subject.String()))
}

// verify verifies the served chain as a client without cached intermediates does.
func (l *look) verify(served []*x509.Certificate) ([][]*x509.Certificate, error) {
	intermediates := x509.NewCertPool()
	for _, c := range served[1:] {
		intermediates.AddCert(c)
	}
	at := l.now
	if leaf := served[0]; at.After(leaf.NotAfter) {
		at = leaf.NotAfter.Add(-time.Second)
	} else if at.Before(leaf.NotBefore) {
		at = leaf.NotBefore.Add(time.Second)
	}
	return served[0].Verify(x509.VerifyOptions{Roots: l.roots, Intermediates: intermediates, CurrentTime: at})
}

func issuer(c *x509.Certificate) string {
	name := c.Issuer.CommonName
	if org := strings.Join(c.Issuer.Organization, " "); org != "" && !strings.Contains(name, org) {
		name = strings.TrimSpace(org + " " + name)
	}
	return part(cmp.Or(name, c.Issuer.String()))
}

// isTestCA reports whether the issuer is a test CA that no browser is meant to trust.
func isTestCA(c *x509.Certificate) bool {
	return slices.ContainsFunc([]string{"(STAGING)", "Fake LE ", "Pebble Root", "Pebble Intermediate"},
		func(word string) bool { return strings.Contains(c.Issuer.String(), word) })
}
