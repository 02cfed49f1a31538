package site

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/miekg/dns"

	"example.com/turnkey/scripts/doctor/report"
)

// caaSet is the records that apply to a name, or the error that prevented reading them.
type caaSet struct {
	at      string // the name, or the parent that has them
	records []*dns.CAA
	err     error
}

var errNoCAA = errors.New("no CA looks for such records of this name")

// findCAA looks for records at a name and then at each parent, up to the top-level domain (RFC 8659 §3).
func (l *look) findCAA(ctx context.Context, name string) caaSet {
	for at := name; at != ""; _, at, _ = strings.Cut(at, ".") {
		answers, err := l.ask(ctx, at, dns.TypeCAA)
		set := caaSet{at: at, err: err}
		for _, a := range answers {
			if record, ok := a.(*dns.CAA); ok {
				if set.records = append(set.records, record); !caaTag.MatchString(record.Tag) {
					set.err = fmt.Errorf("%q is no tag of a CAA record", record.Tag)
				}
			}
		}
		if set.err != nil || len(set.records) > 0 {
			return set
		}
	}
	return caaSet{}
}

// The parts of a record: its tag, and the name and the parameters of an issue or issuewild property (RFC 8659 §4).
var (
	caaTag      = regexp.MustCompile(`^[A-Za-z0-9]+$`)
	issuerName  = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*)?$`)
	issuerParam = regexp.MustCompile(`^([A-Za-z0-9]+)[ \t]*=[ \t]*([!-~]*)$`)
)

// parseIssue reads the value of an issue or issuewild property. An empty issuer allows no CA, and so does a value that
// cannot be parsed.
func parseIssue(value string) (issuer string, params map[string]string) {
	name, rest, _ := strings.Cut(value, ";")
	params = map[string]string{}
	for pair := range strings.SplitSeq(rest, ";") {
		if pair = strings.Trim(pair, " \t"); pair == "" {
			continue
		}
		param := issuerParam.FindStringSubmatch(pair)
		if param == nil {
			return "", nil
		}
		params[strings.ToLower(param[1])] = param[2]
	}
	if name = strings.ToLower(strings.Trim(name, " \t")); !issuerName.MatchString(name) {
		return "", nil
	}
	return name, params
}

// knownTags are the tags that restrict no server certificate beyond what permit reads.
var knownTags = []string{"issue", "issuewild", "iodef", "issuemail", "issuevmc", "contactemail", "contactphone"}

// permit returns which issuers the records allow, each with the validation methods that it is limited to (RFC 8657), or
// nil. tag is issue or issuewild. Without a record of that tag every CA may issue, and the result is nil.
func (s caaSet) permit(tag string) (issuers map[string][]string) {
	for _, r := range s.records {
		at := strings.ToLower(r.Tag)
		if r.Flag&128 != 0 && !slices.Contains(knownTags, at) {
			return map[string][]string{} // a CA that does not know a critical tag must not issue (RFC 8659 §4.1)
		}
		if at != tag {
			continue
		}
		if issuers == nil {
			issuers = map[string][]string{}
		}
		if issuer, params := parseIssue(r.Value); issuer != "" {
			only := strings.FieldsFunc(strings.ToLower(params["validationmethods"]), func(c rune) bool { return c == ',' })
			issuers[issuer] = append(issuers[issuer], only...)
		}
	}
	return issuers
}

// authorities compares the CAA records with the served certificate: the CA that issued it must be allowed to renew it.
func (l *look) authorities(s *report.Section, set *caaSet) {
	if set.err != nil {
		s.First("caa", report.Cases{
			{errors.Is(set.err, errNoCAA) || errors.Is(set.err, errNoResolver), skip, set.err.Error(), ""},
			{true, warn, "the records of " + set.at + " cannot be read: " + set.err.Error(),
				"try elsewhere: dig CAA " + set.at + "; a CA that gets no answer either issues nothing"},
		})
		return
	}
	tag, wanted, by := "issue", []string{"letsencrypt.org"}, ""
	if l.served != nil {
		leaf := l.served.PeerCertificates[0]
		for word, names := range identities {
			if strings.Contains(strings.Join(leaf.Issuer.Organization, " "), word) && !isTestCA(leaf) {
				wanted, by = names, issuer(leaf)
			}
		}
		if slices.ContainsFunc(leaf.DNSNames, func(n string) bool { return strings.HasPrefix(n, "*.") }) &&
			slices.ContainsFunc(set.records, func(r *dns.CAA) bool { return strings.EqualFold(r.Tag, "issuewild") }) {
			tag = "issuewild"
		}
	}
	issuers := set.permit(tag)
	found := "records at " + set.at + " let no CA issue"
	if len(issuers) > 0 {
		found = "records at " + set.at + " let " + part(strings.Join(slices.Sorted(maps.Keys(issuers)), ", ")) + " issue"
	}
	add := fmt.Sprintf("add to the DNS of %s: CAA 0 %s %q", set.at, tag, wanted[0])
	i := slices.IndexFunc(wanted, func(name string) bool { _, may := issuers[name]; return may })
	only := issuers[wanted[max(0, i)]] // the methods that this issuer is limited to
	s.First("caa", report.Cases{
		{issuers == nil, good, "no record restricts who may issue certificates: Let's Encrypt may, and all others too", ""},
		{i < 0 && by != "", wrong, found + ", and not " + by + ", who issued this certificate: it cannot be renewed", add},
		{i < 0, warn, found + ", and not Let's Encrypt", "if its certificates are wanted, " + add},
		{len(only) > 0 && !slices.Contains(only, "http-01") && !slices.Contains(only, "tls-alpn-01"), warn,
			found + ", validated by " + part(strings.Join(only, ", ")) + " alone",
			"for a server that gets its own certificate, add http-01 or tls-alpn-01 to validationmethods"},
		{true, good, found, ""},
	})
}

// identities maps a word of a well-known CA's organization in certificates to its names in CAA records.
var identities = map[string][]string{
	"Let's Encrypt": {"letsencrypt.org"},
	"Google Trust":  {"pki.goog"},
	"ZeroSSL":       {"sectigo.com", "zerossl.com"},
	"Sectigo":       {"sectigo.com"},
	"DigiCert":      {"digicert.com"},
	"Amazon":        {"amazon.com", "amazontrust.com", "awstrust.com", "amazonaws.com"},
	"GlobalSign":    {"globalsign.com"},
	"SSL Corp":      {"ssl.com"},
	"GoDaddy":       {"godaddy.com", "starfieldtech.com"},
}
