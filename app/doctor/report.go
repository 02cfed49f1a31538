package doctor

import (
	"encoding/json"
	"io"
	"time"
)

// State is what came of a check.
type State string

const (
	OK      State = "ok"      // as it should be, or good to know
	Warn    State = "warn"    // works, and could be better or will not work for long
	Wrong   State = "wrong"   // keeps visitors or authorities away, or exposes them
	Skipped State = "skipped" // could not be looked at, for the reason given
)

// Check is one thing that was looked at. Texts are fit for a terminal: what the site sent is escaped in them.
type Check struct {
	Group string `json:"group"`
	Name  string `json:"check"`
	State State  `json:"status"`
	Found string `json:"found"`
	Fix   string `json:"fix,omitempty"`
}

// Report is the result of a look, and what --json prints. Fields, groups and names of checks stay as they are; new ones
// may come.
//
//	ok           bool    nothing is wrong; there may be warnings
//	url          string  the site
//	time         string  when it was looked at, RFC 3339
//	addresses    list    of its addresses
//	certificate  object  the certificate as served; absent if there is none
//	  names, issuer, serial, sha256, not_before, not_after (RFC 3339)
//	checks       list of
//	  group   string  dns, ports, redirects, certificate, protocol, headers, challenge
//	  check   string  what in that group; one that looks at several addresses is there once for each
//	  status  string  ok, warn, wrong, skipped
//	  found   string  what was seen, for people
//	  fix     string  what to do, if anything
type Report struct {
	OK          bool         `json:"ok"`
	URL         string       `json:"url"`
	Time        time.Time    `json:"time"`
	Addresses   []string     `json:"addresses"`
	Certificate *Certificate `json:"certificate,omitempty"`
	Checks      []Check      `json:"checks"`
}

// Certificate is what a monitor wants to know of the certificate that is served.
type Certificate struct {
	Names     []string  `json:"names"`
	Issuer    string    `json:"issuer"`
	Serial    string    `json:"serial"` // in hexadecimal
	SHA256    string    `json:"sha256"` // of the DER, in hexadecimal
	NotBefore time.Time `json:"not_before"`
	NotAfter  time.Time `json:"not_after"`
}

func (l *look) report(sections []section) Report {
	r := Report{OK: true, URL: l.url("https", ""), Time: l.now.UTC().Truncate(time.Second), Addresses: []string{}, Checks: []Check{}}
	for _, a := range l.addrs {
		r.Addresses = append(r.Addresses, a.String())
	}
	if l.served != nil {
		r.Certificate = describe(l.served.PeerCertificates[0])
	}
	for _, s := range sections {
		for _, c := range s.checks {
			r.OK = r.OK && c.State != Wrong
			r.Checks = append(r.Checks, c)
		}
	}
	return r
}

// JSON writes the report as one object.
func (r Report) JSON(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(r)
}

// section is a group of checks as it comes together.
type section struct {
	group  string
	checks []Check
}

func (s *section) ok(name, found string)         { s.add(name, OK, found, "") }
func (s *section) warn(name, found, fix string)  { s.add(name, Warn, found, fix) }
func (s *section) wrong(name, found, fix string) { s.add(name, Wrong, found, fix) }
func (s *section) skip(name, reason string)      { s.add(name, Skipped, reason, "") }

// add is where every word of the site passes on its way out.
func (s *section) add(name string, state State, found, fix string) {
	s.checks = append(s.checks, Check{s.group, name, state, printable(found), printable(fix)})
}
