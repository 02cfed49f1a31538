package site

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// findCAA looks for records at a name and then at each parent, up to the top-level domain (RFC 8659 §3).
func (l *look) findCAA(ctx context.Context, name string) caaSet {
	for at := name; at != ""; _, at, _ = strings.Cut(at, ".") {
		answers, _, err := l.ask(ctx, at, dns.TypeCAA)
		if err != nil {
			return caaSet{at: at, err: err}
		}
		var set []caaRecord
		for _, a := range answers {
			if body, ok := a.(*dns.CAA); ok {
				record, err := parseCAA(body)
				if err != nil {
					return caaSet{at: at, err: err}
				}
				set = append(set, record)
			}
		}
		if len(set) > 0 {
			return caaSet{at: at, records: set}
		}
	}
	return caaSet{}
}

// identities maps a word of a well-known CA's organization in certificates to its names in CAA records.
var identities = []struct {
	word  string
	names []string
}{
	{"Let's Encrypt", []string{"letsencrypt.org"}},
	{"Google Trust", []string{"pki.goog"}},
	{"ZeroSSL", []string{"sectigo.com", "zerossl.com"}},
	{"Sectigo", []string{"sectigo.com"}},
	{"DigiCert", []string{"digicert.com"}},
	{"Amazon", []string{"amazon.com", "amazontrust.com", "awstrust.com", "amazonaws.com"}},
	{"GlobalSign", []string{"globalsign.com"}},
	{"SSL Corp", []string{"ssl.com"}},
	{"GoDaddy", []string{"godaddy.com", "starfieldtech.com"}},
	{"Buypass", []string{"buypass.com"}},
}

// identity returns the CAA name of a certificate's issuer, if it is well known.
func identity(leaf *x509.Certificate) []string {
	if practice(leaf) {
		return nil
	}
	org := strings.Join(leaf.Issuer.Organization, " ")
	for _, id := range identities {
		if strings.Contains(org, id.word) {
			return id.names
		}
	}
	return nil
}

// authorities compares the CAA records with the served certificate: the CA that issued it must be allowed to renew it.
func (l *look) authorities(s *section, set *caaSet) {
	switch {
	case set == nil:
		s.skip("caa", "no authority looks for such records here")
		return
	case errors.Is(set.err, errNoResolver):
		s.skip("caa", set.err.Error())
		return
	case set.err != nil:
		s.warn("caa", "the records of "+set.at+" cannot be read: "+set.err.Error(),
			"try elsewhere: dig CAA "+set.at+"; an authority that gets no answer either issues nothing")
		return
	}
	var leaf *x509.Certificate
	wildcard := false
	if l.served != nil {
		leaf = l.served.PeerCertificates[0]
		wildcard = slices.ContainsFunc(leaf.DNSNames, func(n string) bool { return strings.HasPrefix(n, "*.") })
	}
	p := set.permit(wildcard)
	if !p.restricted {
		s.ok("caa", "no record restricts who may issue certificates: Let's Encrypt may, and so may all others")
		return
	}
	who := "no authority"
	if len(p.issuers) > 0 {
		who = part(strings.Join(p.issuers, ", "))
	}
	found := "records at " + set.at + " let " + who + " issue"
	add := func(name string) string {
		return fmt.Sprintf("add to the DNS of %s: CAA 0 %s %q", set.at, choose(wildcard, "issuewild", "issue"), name)
	}
	wanted, known := []string{"letsencrypt.org"}, false
	if leaf != nil {
		if names := identity(leaf); names != nil {
			wanted, known = names, true
		}
	}
	i := slices.IndexFunc(wanted, func(name string) bool { return slices.Contains(p.issuers, name) })
	switch {
	case i < 0 && known:
		s.wrong("caa", found+", and not "+issuer(leaf)+", who issued the certificate here: it cannot be renewed",
			add(wanted[0]))
	case i < 0:
		s.warn("caa", found+", and not Let's Encrypt", "if its certificates are wanted, "+add(wanted[0]))
	default:
		methods, only := p.methods[wanted[i]]
		if only && !slices.Contains(methods, "http-01") && !slices.Contains(methods, "tls-alpn-01") {
			s.warn("caa", found+", validated by "+part(strings.Join(methods, ", "))+" alone",
				"for a server that gets its own certificate, add http-01 or tls-alpn-01 to validationmethods")
			return
		}
		s.ok("caa", found)
	}
}

func choose(first bool, a, b string) string {
	if first {
		return a
	}
	return b
}
