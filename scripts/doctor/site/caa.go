package site

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// caaRecord is one CAA record of a name.
type caaRecord struct {
	critical bool
	tag      string // in lower case
	value    string
}

// parseCAA checks a record (RFC 8659 §4.1).
func parseCAA(record *dns.CAA) (caaRecord, error) {
	if record.Tag == "" {
		return caaRecord{}, errors.New("the tag of a CAA record is empty or cut off")
	}
	if strings.ContainsFunc(record.Tag, notAlphanumeric) {
		return caaRecord{}, fmt.Errorf("%q is no tag of a CAA record", record.Tag)
	}
	return caaRecord{record.Flag&128 != 0, strings.ToLower(record.Tag), record.Value}, nil
}

func notAlphanumeric(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9')
}

// parseIssue reads the value of an issue or issuewild property (RFC 8659 §4.2). An empty issuer allows no CA, and so
// does a value that cannot be parsed.
func parseIssue(value string) (issuer string, params map[string]string, err error) {
	name, rest, _ := strings.Cut(value, ";")
	name = strings.ToLower(strings.Trim(name, " \t"))
	if name != "" {
		for label := range strings.SplitSeq(name, ".") {
			if label == "" || label[0] == '-' || label[len(label)-1] == '-' ||
				strings.ContainsFunc(label, func(r rune) bool { return notAlphanumeric(r) && r != '-' }) {
				return "", nil, fmt.Errorf("%q names no authority", value)
			}
		}
	}
	params = map[string]string{}
	for pair := range strings.SplitSeq(rest, ";") {
		if pair = strings.Trim(pair, " \t"); pair == "" {
			continue
		}
		tag, v, ok := strings.Cut(pair, "=")
		tag, v = strings.Trim(tag, " \t"), strings.Trim(v, " \t")
		if !ok || tag == "" || strings.ContainsFunc(tag, notAlphanumeric) ||
			strings.ContainsFunc(v, func(r rune) bool { return r < 0x21 || r > 0x7e }) {
			return "", nil, fmt.Errorf("the parameters of %q are not understood", value)
		}
		params[strings.ToLower(tag)] = v
	}
	return name, params, nil
}

// caaSet is the records that apply to a name, or the error that prevented reading them.
type caaSet struct {
	at      string // the name, or the parent that has them
	records []caaRecord
	err     error
}

// permit is what a set of records allows.
type permit struct {
	restricted bool // false: every CA may issue
	issuers    []string
	methods    map[string][]string // of an issuer that may validate by these alone (RFC 8657)
}

// knownTags are the tags that restrict no server certificate beyond what permit reads.
var knownTags = []string{"issue", "issuewild", "iodef", "issuemail", "issuevmc", "contactemail", "contactphone"}

func (s caaSet) permit(wildcard bool) permit {
	tag := "issue"
	if wildcard && slices.ContainsFunc(s.records, func(r caaRecord) bool { return r.tag == "issuewild" }) {
		tag = "issuewild"
	}
	p := permit{methods: map[string][]string{}}
	for _, r := range s.records {
		if r.critical && !slices.Contains(knownTags, r.tag) {
			return permit{restricted: true} // a CA that does not know it must not issue (RFC 8659 §4.1)
		}
		if r.tag != tag {
			continue
		}
		p.restricted = true
		issuer, params, err := parseIssue(r.value)
		if err != nil || issuer == "" {
			continue
		}
		p.issuers = append(p.issuers, issuer)
		if only, ok := params["validationmethods"]; ok {
			p.methods[issuer] = append(p.methods[issuer], strings.Split(strings.ToLower(only), ",")...)
		}
	}
	slices.Sort(p.issuers)
	p.issuers = slices.Compact(p.issuers)
	return p
}
