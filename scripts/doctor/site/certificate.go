package site

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"slices"
	"strings"
	"time"

	"example.com/turnkey/scripts/doctor/report"
	"example.com/turnkey/tlsconfig/chain"
)

const (
	day        = 24 * time.Hour
	fullchain  = "serve the whole chain: fullchain.pem rather than cert.pem, the CA's bundle after your certificate"
	stagingFix = "order from production: for a site of this project remove ACME_DIRECTORY=staging; with certbot " +
		"leave --staging out and --force-renewal once"
)

// certificate checks the served chain, then requests it with other offers.
func (l *look) certificate(ctx context.Context, s *report.Section) {
	if l.served == nil {
		found, fix := l.explain(l.https[0].tlsErr)
		s.Wrong("handshake", found, fix)
		return
	}
	served := l.served.PeerCertificates
	verdict := chain.Judge(served, nil, nil, l.now)
	l.hosts(s, served[0])
	l.dates(s, served[0])
	l.trust(s, served, verdict)
	l.faults(s, served, verdict)
	l.lifetime(s, served[0])
	l.otherAddresses(s, served[0])
	l.otherNames(ctx, s, served[0])
}

// hosts checks that the certificate is for the site's names.
func (l *look) hosts(s *report.Section, leaf *x509.Certificate) {
	list := cmp.Or(part(strings.Join(subjects(leaf), ", ")), "no name at all")
	wildcard := slices.ContainsFunc(leaf.DNSNames, func(n string) bool { return strings.HasPrefix(n, "*.") })
	s.First("names", report.Cases{
		{leaf.VerifyHostname(l.host) != nil, wrong, "the certificate is for " + list + ", not for " + l.host,
			"get one with this name in it" + ourDomains},
		{wildcard, good, list + "; a wildcard does not cover names with a further dot", ""},
		{true, good, list, ""},
	})
}

// subjects returns the names and addresses that a certificate is for.
func subjects(c *x509.Certificate) []string {
	names := words(c.IPAddresses)
	for i, n := range c.DNSNames {
		names = slices.Insert(names, i, part(n))
	}
	return names
}

// dates checks how long the certificate is still valid. The rest of its life is compared with the whole, since a
// certificate of a few days is renewed a few days before its end.
func (l *look) dates(s *report.Section, leaf *x509.Certificate) {
	const clock = "; or this machine's clock is wrong, see the line on the clock below"
	const format = "2006-01-02 15:04 MST"
	left, life := leaf.NotAfter.Sub(l.now), leaf.NotAfter.Sub(leaf.NotBefore)
	end := leaf.NotAfter.UTC().Format(format)
	remains := span(left) + " left of " + span(life) + ", until " + end
	s.First("validity", report.Cases{
		{left <= 0, wrong, "it expired " + span(-left) + " ago, on " + end, "renew it, and load it into the server" + clock},
		{l.now.Before(leaf.NotBefore), wrong, "it is not valid before " + leaf.NotBefore.UTC().Format(format) + ", in " +
			span(leaf.NotBefore.Sub(l.now)), "check the clock of the CA that issued it" + clock},
		{chain.Overdue(leaf, l.now), warn, remains + ": a renewal is overdue",
			"find out why it was not renewed: the server's log, the program's `check`, or `certbot renew --dry-run`"},
		{true, good, remains, ""},
	})
}

// span formats a duration for people.
func span(d time.Duration) string {
	switch {
	case d >= 2*day:
		return fmt.Sprintf("%d days", int(d.Round(time.Minute)/day))
	case d >= 2*time.Hour:
		return fmt.Sprintf("%d hours", int(d.Round(time.Minute)/time.Hour))
	case d >= 2*time.Minute:
		return fmt.Sprintf("%d minutes", int(d/time.Minute))
	}
	return fmt.Sprintf("%d seconds", int(d/time.Second))
}

var mustStaple = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 1, 24} // RFC 7633

// lifetime checks the lifetime and the extensions that the CA chose.
func (l *look) lifetime(s *report.Section, leaf *x509.Certificate) {
	// Browsers take no longer one from public CAs that was issued since 2020 (CA/Browser Forum ballot SC-031).
	const most = 398
	days := int((leaf.NotAfter.Sub(leaf.NotBefore) + time.Hour) / day)
	s.First("lifetime", report.Cases{
		{days > most, warn, fmt.Sprintf("it is valid for %d days; browsers accept %d at most from public CAs", days, most),
			"get one for 90 days or less, and let it be renewed automatically"},
		{true, good, fmt.Sprint(days, " days"), ""},
	})
	asks := slices.ContainsFunc(leaf.Extensions, func(e pkix.Extension) bool { return e.Id.Equal(mustStaple) })
	s.First("staple", report.Cases{
		{asks && len(l.served.OCSPResponse) == 0, wrong, "the certificate asks for a stapled OCSP answer, and none is " +
			"sent: Firefox refuses it", "get it without must-staple; Let's Encrypt has ended OCSP"},
		{asks, good, "the certificate asks for a stapled OCSP answer, and it is there", ""},
	})
}

// otherAddresses compares what the other addresses send: an old server may still answer on one of them.
func (l *look) otherAddresses(s *report.Section, leaf *x509.Certificate) {
	for _, e := range l.https[1:] {
		if e.tlsErr != nil {
			found, fix := l.explain(e.tlsErr)
			s.Wrong("address", e.addr.String()+": "+found, fix)
			continue
		}
		other := e.state.PeerCertificates
		_, err := l.verify(other)
		refused := err != nil || l.now.After(other[0].NotAfter) || other[0].VerifyHostname(l.host) != nil
		s.First("address", report.Cases{
			{other[0].Equal(leaf), good, e.addr.String() + " sends the same certificate", ""},
			{refused, wrong, e.addr.String() + " sends another certificate, which clients refuse", "give that server the " +
				"certificate too, or remove its address from DNS; to see more: --address " + e.addr.String()},
			{true, good, e.addr.String() + " sends another certificate, which is good as well", ""},
		})
	}
}

// otherNames shows the certificate for clients that name no host, or a host that is not served here.
func (l *look) otherNames(ctx context.Context, s *report.Section, leaf *x509.Certificate) {
	for _, client := range []struct{ check, name, what string }{
		{"no-sni", "", "a client that names no host (no SNI)"},
		{"other-sni", "turnkey-doctor.invalid", "a client that asks for a host that is not here"},
	} {
		state, tcpErr, err := l.handshake(ctx, l.https[0].addr, func(c *tls.Config) { c.ServerName = client.name })
		other := append(state.PeerCertificates, leaf)[0]
		s.First(client.check, report.Cases{
			{tcpErr != nil || timedOut(err), skip, client.what + " gets no answer in time", ""},
			{err != nil, good, client.what + " is refused", ""},
			{other.Equal(leaf), good, client.what + " gets this certificate", ""},
			{true, good, client.what + " gets another certificate, for " + part(strings.Join(subjects(other), ", ")), ""},
		})
	}
}

// faults adds a line for each fault of purpose, path or key that clients find with any set of roots. Dates and names
// have lines of their own.
func (l *look) faults(s *report.Section, served []*x509.Certificate, verdict chain.Verdict) {
	check := map[chain.Part]string{chain.Purpose: "purpose", chain.Path: "chain", chain.Key: "key"}
	said := map[chain.Part]bool{}
	for _, fault := range verdict.Faults {
		if check[fault.About] != "" {
			said[fault.About] = true
			s.Wrong(check[fault.About], fault.Text, cmp.Or(fault.Fix, "get a certificate that is made for web servers"))
		}
	}
	if !said[chain.Path] {
		order(s, served)
	}
	if said[chain.Key] {
		return
	}
	found := served[0].PublicKeyAlgorithm.String() + ", signed by " + served[0].SignatureAlgorithm.String()
	for _, note := range verdict.Notes {
		if note.About == chain.Key {
			found += "; " + note.Text
		}
	}
	s.OK("key", found)
}

// order checks the served list: each certificate signed by the next, and none too many.
func order(s *report.Section, served []*x509.Certificate) {
	last := served[len(served)-1]
	i := 0
	for i+1 < len(served) && served[i].CheckSignatureFrom(served[i+1]) == nil {
		i++
	}
	s.First("chain", report.Cases{
		{i+1 < len(served), warn, fmt.Sprintf("certificate %d of %d, %s, is not signed by the one after it: old clients "+
			"refuse that", i+1, len(served), part(served[i].Subject.CommonName)),
			"put them in order: your certificate, then who signed it, then who signed that; take out what does not belong"},
		{i > 0 && bytes.Equal(last.RawIssuer, last.RawSubject), warn, "the root " + part(last.Subject.CommonName) +
			" is served too: clients that trust it have it already", "leave it out of the file"},
		{true, good, fmt.Sprintf("%d served, in order", len(served)), ""},
	})
}
