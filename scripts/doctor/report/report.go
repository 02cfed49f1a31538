// Package report is what the doctor prints, for people and as JSON: a list of findings, whatever was looked at.
package report

import (
	"encoding/json"
	"io"
	"runtime"
	"time"

	"example.com/turnkey/scripts/internal/settings"
)

// State is what came of a check.
type State string

const (
	OK      State = "ok"      // as it should be
	Note    State = "note"    // good to know; nothing has to be done
	Warn    State = "warn"    // works, and could be better or will not work for long
	Wrong   State = "wrong"   // keeps visitors, authorities or browsers away, or exposes them
	Skipped State = "skipped" // could not be looked at, for the reason given
)

// Finding is what one check found. Its texts are fit for a terminal: what a site sent is escaped in them.
type Finding struct {
	Group string `json:"group"`
	Name  string `json:"check"`
	State State  `json:"status"`
	Found string `json:"found"`
	Fix   string `json:"fix,omitempty"`
}

// New escapes the texts of a finding. Every finding is made here, so that nothing that a site sent reaches a terminal
// unescaped.
func New(group, name string, state State, found, fix string) Finding {
	return Finding{group, name, state, escape(found, longest), escape(fix, longest)}
}

// Report is what --json prints. Fields, groups and names of checks stay as they are; new ones may come.
//
//	ok           bool    nothing is wrong; there may be warnings
//	time         string  when this was looked at, RFC 3339
//	system, go   string  where the doctor ran: operating system and processor, and its version of Go
//	url          string  the site that was looked at; absent for this machine
//	addresses    list    of the site's addresses; absent for this machine
//	certificate  object  the certificate as the site serves it; absent if there is none, and for this machine
//	  names, issuer, serial, sha256, not_before, not_after (RFC 3339)
//	checks       list of
//	  group   string  for a site: dns, ports, redirects, certificate, protocol, headers, challenge
//	                  for this machine: machine, certificate, stores, ports, names
//	  check   string  what in that group; one that looks at several addresses or stores is there once for each
//	  status  string  ok, note, warn, wrong, skipped
//	  found   string  what was seen, for people
//	  fix     string  what to do, if anything
type Report struct {
	OK          bool         `json:"ok"`
	Time        time.Time    `json:"time"`
	System      string       `json:"system"`
	Go          string       `json:"go"`
	URL         string       `json:"url,omitempty"`
	Addresses   []string     `json:"addresses,omitzero"` // absent if nil, and [] for a site without any
	Certificate *Certificate `json:"certificate,omitempty"`
	Checks      []Finding    `json:"checks"`
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

// Of makes a report of what was found.
func Of(found []Finding, now time.Time) Report {
	r := Report{
		OK: true, Time: now.UTC().Truncate(time.Second), Checks: []Finding{},
		System: runtime.GOOS + "/" + runtime.GOARCH, Go: runtime.Version(),
	}
	for _, f := range found {
		r.OK = r.OK && f.State != Wrong
		r.Checks = append(r.Checks, f)
	}
	return r
}

// Redact writes the home directory as ~ everywhere, so that a report can be shown to others.
func (r Report) Redact(home string) {
	for i := range r.Checks {
		r.Checks[i].Found, r.Checks[i].Fix = settings.Tilde(r.Checks[i].Found, home), settings.Tilde(r.Checks[i].Fix, home)
	}
}

// JSON writes the report as one object.
func (r Report) JSON(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(r)
}
