package doctor

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/asn1"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

const day = 24 * time.Hour

// certificate judges the chain as it is served, then asks for it in other ways.
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
	order(&s, chain)
	key(&s, chain)
	l.lifetime(&s, chain[0])
	l.staple(&s, chain[0])
	l.elsewhere(ctx, &s, chain[0])
	l.strangers(ctx, &s, chain[0])
	return s
}

// hosts compares names.
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
		s.wrong("names", "the certificate is for "+list+", not for "+l.host, "get one with this name in it; in Turnkey, add it to DOMAINS")
	case wildcard:
		s.ok("names", list+"; a wildcard does not cover names with a further dot")
	default:
		s.ok("names", list)
	}
}

// dates looks at how long the certificate is still valid: what is left of it is judged by its whole life, as those
// of a few days are renewed a few days before their end.
func (l *look) dates(s *section, leaf *x509.Certificate) {
	const clock = "; or this machine's clock is wrong, see the line on the clock below"
	left, life := leaf.NotAfter.Sub(l.now), leaf.NotAfter.Sub(leaf.NotBefore)
	end := leaf.NotAfter.UTC().Format("2006-01-02 15:04 MST")
	switch {
	case left <= 0:
		s.wrong("validity", fmt.Sprintf("it expired %s ago, on %s", span(-left), end), "renew it and let the server take it up"+clock)
	case l.now.Before(leaf.NotBefore):
		s.wrong("validity", fmt.Sprintf("it is not valid before %s, in %s", leaf.NotBefore.UTC().Format("2006-01-02 15:04 MST"), span(leaf.NotBefore.Sub(l.now))),
			"look at the clock of whoever issued it"+clock)
	case left < min(21*day, life/4):
		s.warn("validity", fmt.Sprintf("%s left of %s, until %s: a renewal is overdue", span(left), span(life), end),
			"look why it was not renewed: the server's log, `bin/turnkey check`, or `certbot renew --dry-run`")
	default:
		s.ok("validity", fmt.Sprintf("%s left of %s, until %s", span(left), span(life), end))
	}
}

// span is a duration as people say it.
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

// trust builds a chain to a trusted root out of what is served and nothing else. When it was served, and not now, is
// what matters to it: dates have a check of their own.
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
		s.wrong("trust", "the intermediate "+missing(chain, chains[0])+" is missing: this machine knows it, others do not", fullchain)
	case err == nil:
		s.ok("trust", fmt.Sprintf("issued by %s, under the root %s", issuer(leaf), part(root(chains[0]))))
	case practice(leaf):
		s.wrong("trust", "issued by "+issuer(leaf)+", for practice: no browser trusts it", stagingFix)
	case selfSigned(leaf):
		s.wrong("trust", "it is signed by itself, so every browser warns", "get one from an authority; in Turnkey: ENV=prod and DOMAINS")
	case missingIssuer(chain) != "":
		s.wrong("trust", "the server does not send the intermediate "+missingIssuer(chain)+", so clients cannot get from the certificate to a root",
			fullchain+"; if that is a private root: --ca FILE")
	default:
		s.wrong("trust", "its issuer "+issuer(leaf)+" leads to no root that this machine trusts: "+part(err.Error()), "use a public authority, or --ca FILE for a private one")
	}
}

const (
	fullchain  = "serve the whole chain: fullchain.pem rather than cert.pem, the authority's bundle after your certificate"
	stagingFix = "order from production: in Turnkey take ACME_DIRECTORY=staging out; with certbot leave --staging out and --force-renewal once"
)

// verify is what a client does that has the chain as served, and no cache of intermediates.
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

// missing is an intermediate of a verified chain that the system had at hand and the server did not send.
func missing(served, verified []*x509.Certificate) string {
	for i := 1; i < len(verified)-1; i++ {
		if !slices.ContainsFunc(served, verified[i].Equal) {
			return part(verified[i].Subject.CommonName)
		}
	}
	return ""
}

// missingIssuer is whom the served certificates end at without being signed by themselves.
func missingIssuer(chain []*x509.Certificate) string {
	at := chain[0]
	for range chain {
		i := slices.IndexFunc(chain, func(c *x509.Certificate) bool { return !c.Equal(at) && at.CheckSignatureFrom(c) == nil })
		if i < 0 {
			break
		}
		at = chain[i]
	}
	if selfSigned(at) || !at.Equal(chain[0]) {
		return "" // it got somewhere, to a root that is not trusted
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
	return bytes.Equal(c.RawIssuer, c.RawSubject) && c.CheckSignature(c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature) == nil
}

// practice says whether the issuer is one of those that no browser is meant to trust.
func practice(c *x509.Certificate) bool {
	text := c.Issuer.String()
	return slices.ContainsFunc([]string{"(STAGING)", "Fake LE ", "Pebble Root", "Pebble Intermediate"}, func(word string) bool {
		return strings.Contains(text, word)
	})
}

// order looks at the chain as a list: each certificate signed by the next, and no more than it takes.
func order(s *section, chain []*x509.Certificate) {
	for i := range len(chain) - 1 {
		if chain[i].CheckSignatureFrom(chain[i+1]) != nil {
			s.warn("chain", fmt.Sprintf("certificate %d of %d, %s, is not signed by the one after it: old clients stumble over that", i+1, len(chain), part(chain[i].Subject.CommonName)),
				"put them in order: your certificate, then who signed it, then who signed that; take out what does not belong")
			return
		}
	}
	last := chain[len(chain)-1]
	if len(chain) > 1 && selfSigned(last) {
		s.warn("chain", "the root "+part(last.Subject.CommonName)+" is served too: harmless, and bytes for nothing, as clients have it or will not believe it", "leave it out of the file")
		return
	}
	s.ok("chain", fmt.Sprintf("%d served, in order", len(chain)))
}

// key looks at the key and the signatures. Those of roots are believed without.
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
		s.wrong("key", kind+" is too short: browsers refuse it", "make a new key, ECDSA P-256 or RSA 2048, and get a certificate for it")
	case old != "":
		s.wrong("key", kind+", but signed by "+old+", which browsers refuse", "get a certificate from an authority of today")
	default:
		s.ok("key", kind+", signed by "+chain[0].SignatureAlgorithm.String())
	}
}

// limits of public certificates' lives, by the day of issue (CA/Browser Forum ballots SC-031 and SC-081v3).
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
		s.warn("lifetime", fmt.Sprintf("it is valid for %d days; browsers take 398 at most from public authorities", life), "get one for 90 days or less, and let it be renewed by itself")
		return
	}
	for _, limit := range limits {
		if limit.from.After(l.now) && life > limit.days {
			s.ok("lifetime", fmt.Sprintf("%d days; from %s no public authority issues for more than %d, so let it be renewed by itself", life, limit.from.Format(time.DateOnly), limit.days))
			return
		}
	}
	s.ok("lifetime", fmt.Sprintf("%d days", life))
}

var mustStaple = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 1, 24} // RFC 7633

func (l *look) staple(s *section, leaf *x509.Certificate) {
	for _, e := range leaf.Extensions {
		if e.Id.Equal(mustStaple) && len(l.served.OCSPResponse) == 0 {
			s.wrong("staple", "the certificate asks for a stapled OCSP answer, and none is sent: Firefox refuses it", "get it without must-staple; Let's Encrypt has ended OCSP")
		} else if e.Id.Equal(mustStaple) {
			s.ok("staple", "the certificate asks for a stapled OCSP answer, and it is there")
		}
	}
}

// elsewhere asks the other addresses, where an older server may have been forgotten.
func (l *look) elsewhere(ctx context.Context, s *section, leaf *x509.Certificate) {
	others := l.https[1:]
	states, errs := make([]tls.ConnectionState, len(others)), make([]error, len(others))
	var wg sync.WaitGroup
	for i, addr := range others {
		wg.Go(func() { states[i], errs[i] = l.shake(ctx, addr, nil) })
	}
	wg.Wait()
	for i, addr := range others {
		if errs[i] != nil {
			found, fix := l.explain(errs[i])
			s.wrong("address", addr.String()+": "+found, fix)
			continue
		}
		other := states[i].PeerCertificates
		_, err := l.verify(other)
		switch {
		case other[0].Equal(leaf):
			s.ok("address", addr.String()+" sends the same certificate")
		case l.now.After(other[0].NotAfter), other[0].VerifyHostname(l.host) != nil, err != nil:
			s.wrong("address", addr.String()+" sends another certificate, which does not hold", "give that server the certificate too, or take its address out of DNS; to see more: --address "+addr.String())
		default:
			s.ok("address", addr.String()+" sends another certificate, which holds as well")
		}
	}
}

// strangers shows what clients get that name no host, or one that is not here.
func (l *look) strangers(ctx context.Context, s *section, leaf *x509.Certificate) {
	for _, stranger := range []struct{ check, name, who string }{
		{"no-sni", "", "a client that names no host (no SNI)"},
		{"other-sni", "turnkey-doctor.invalid", "a client that asks for a host that is not here"},
	} {
		state, err := l.shake(ctx, l.https[0], func(c *tls.Config) { c.ServerName = stranger.name })
		switch {
		case err != nil && late(err):
			s.skip(stranger.check, stranger.who+" gets no answer in time")
		case err != nil:
			s.ok(stranger.check, stranger.who+" is refused")
		case state.PeerCertificates[0].Equal(leaf):
			s.ok(stranger.check, stranger.who+" gets this certificate")
		default:
			s.ok(stranger.check, stranger.who+" gets another certificate, for "+part(strings.Join(state.PeerCertificates[0].DNSNames, ", ")))
		}
	}
}

// describe is the certificate for a monitor.
func describe(c *x509.Certificate) *Certificate {
	sum := sha256.Sum256(c.Raw)
	d := &Certificate{
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
