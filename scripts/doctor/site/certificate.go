package site

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"example.com/turnkey/scripts/doctor/report"
)

const day = 24 * time.Hour

// certificate checks the served chain, then requests it with other offers.
func (l *look) certificate(ctx context.Context) section {
	s := section{group: "certificate"}
	if len(l.https) > 0 && l.served == nil {
		found, fix := l.explain(l.shakeErr)
		s.wrong("handshake", found, fix)
		return s
	}
	if reason := l.absent(); reason != "" {
		s.skip("handshake", reason)
		return s
	}
	chain := l.served.PeerCertificates
	l.hosts(&s, chain[0])
	l.dates(&s, chain[0])
	l.trust(&s, chain)
	if judged(&s, chain, l.now) {
		order(&s, chain)
	}
	key(&s, chain)
	l.lifetime(&s, chain[0])
	l.staple(&s, chain[0])
	l.elsewhere(ctx, &s, chain[0])
	l.strangers(ctx, &s, chain[0])
	return s
}

// hosts checks that the certificate is for the site's names.
func (l *look) hosts(s *section, leaf *x509.Certificate) {
	var names []string
	wildcard := false
	for _, n := range leaf.DNSNames {
		names = append(names, part(n))
		wildcard = wildcard || strings.HasPrefix(n, "*.")
	}
	for _, ip := range leaf.IPAddresses {
		names = append(names, ip.String())
	}
	count := ""
	if len(names) > 5 {
		names, count = names[:5], fmt.Sprintf(" and %d more", len(names)-5)
	}
	list := strings.Join(names, ", ") + count
	if list == "" {
		list = "no name at all"
	}
	switch err := leaf.VerifyHostname(l.host); {
	case err != nil:
		s.wrong("names", "the certificate is for "+list+", not for "+l.host,
			"get one with this name in it; for a site of this project, add it to DOMAINS")
	case wildcard:
		s.ok("names", list+"; a wildcard does not cover names with a further dot")
	default:
		s.ok("names", list)
	}
}

// dates checks how long the certificate is still valid. The rest of its life is compared with the whole, since a
// certificate of a few days is renewed a few days before its end.
func (l *look) dates(s *section, leaf *x509.Certificate) {
	const clock = "; or this machine's clock is wrong, see the line on the clock below"
	left, life := leaf.NotAfter.Sub(l.now), leaf.NotAfter.Sub(leaf.NotBefore)
	end := leaf.NotAfter.UTC().Format("2006-01-02 15:04 MST")
	switch {
	case left <= 0:
		s.wrong("validity", fmt.Sprintf("it expired %s ago, on %s", span(-left), end),
			"renew it and let the server take it up"+clock)
	case l.now.Before(leaf.NotBefore):
		s.wrong("validity", fmt.Sprintf("it is not valid before %s, in %s",
			leaf.NotBefore.UTC().Format("2006-01-02 15:04 MST"), span(leaf.NotBefore.Sub(l.now))),
			"check the clock of the CA that issued it"+clock)
	case left < min(21*day, life/4):
		s.warn("validity", fmt.Sprintf("%s left of %s, until %s: a renewal is overdue", span(left), span(life), end),
			"look why it was not renewed: the server's log, the program's `check`, or `certbot renew --dry-run`")
	default:
		s.ok("validity", fmt.Sprintf("%s left of %s, until %s", span(left), span(life), end))
	}
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

const (
	fullchain  = "serve the whole chain: fullchain.pem rather than cert.pem, the authority's bundle after your certificate"
	stagingFix = "order from production: for a site of this project take ACME_DIRECTORY=staging out; with certbot " +
		"leave --staging out and --force-renewal once"
)

// limits are the longest lives of public certificates, by the day of issue (CA/Browser Forum ballots SC-031 and
// SC-081v3).
var limits = []struct {
	from time.Time
	days int
}{
	{time.Date(2020, 9, 1, 0, 0, 0, 0, time.UTC), 398},
	{time.Date(2026, 3, 15, 0, 0, 0, 0, time.UTC), 200},
	{time.Date(2027, 3, 15, 0, 0, 0, 0, time.UTC), 100},
	{time.Date(2029, 3, 15, 0, 0, 0, 0, time.UTC), 47},
}

func (l *look) lifetime(s *section, leaf *x509.Certificate) {
	life := int((leaf.NotAfter.Sub(leaf.NotBefore) + time.Hour) / day)
	if life > 398 {
		s.warn("lifetime", fmt.Sprintf("it is valid for %d days; browsers take 398 at most from public authorities", life),
			"get one for 90 days or less, and let it be renewed by itself")
		return
	}
	for _, limit := range limits {
		if limit.from.After(l.now) && life > limit.days {
			s.ok("lifetime", fmt.Sprintf("%d days; from %s no public authority issues for more than %d, so let it be renewed "+
				"by itself", life, limit.from.Format(time.DateOnly), limit.days))
			return
		}
	}
	s.ok("lifetime", fmt.Sprintf("%d days", life))
}

var mustStaple = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 1, 24} // RFC 7633

func (l *look) staple(s *section, leaf *x509.Certificate) {
	for _, e := range leaf.Extensions {
		if e.Id.Equal(mustStaple) && len(l.served.OCSPResponse) == 0 {
			s.wrong("staple", "the certificate asks for a stapled OCSP answer, and none is sent: Firefox refuses it",
				"get it without must-staple; Let's Encrypt has ended OCSP")
		} else if e.Id.Equal(mustStaple) {
			s.ok("staple", "the certificate asks for a stapled OCSP answer, and it is there")
		}
	}
}

// describe returns the certificate for monitoring.
func describe(c *x509.Certificate) *report.Certificate {
	sum := sha256.Sum256(c.Raw)
	d := &report.Certificate{
		Names: []string{}, Issuer: issuer(c), Serial: fmt.Sprintf("%x", c.SerialNumber), SHA256: hex.EncodeToString(sum[:]),
		NotBefore: c.NotBefore.UTC(), NotAfter: c.NotAfter.UTC(),
	}
	for _, n := range c.DNSNames {
		d.Names = append(d.Names, part(n))
	}
	for _, ip := range c.IPAddresses {
		d.Names = append(d.Names, ip.String())
	}
	return d
}
