// Package report prints the doctor's findings, for people and as JSON.
package report

import (
	"encoding/json"
	"io"
	"runtime"
	"time"

	"example.com/turnkey/scripts/internal/settings"
)

// State is the result of a check.
type State string

const (
	OK      State = "ok"      // as it should be
	Note    State = "note"    // good to know; nothing has to be done
	Warn    State = "warn"    // works, and could be better or will not work for long
	Wrong   State = "wrong"   // keeps visitors, authorities or browsers away, or exposes them
	Skipped State = "skipped" // could not be checked, for the reason given
)

// Finding is the result of one check. Its texts are safe for a terminal: control characters that a site sent are
// escaped.
type Finding struct {
	Group string `json:"group"`
	Name  string `json:"check"`
	State State  `json:"status"`
	Found string `json:"found"`
	Fix   string `json:"fix,omitempty"`
}

// New returns a finding with its texts escaped. Every finding is made here, so that no text of a site reaches a
// terminal unescaped.
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

// Certificate describes the served certificate for monitoring.
type Certificate struct {
	Names     []string  `json:"names"`
	Issuer    string    `json:"issuer"`
	Serial    string    `json:"serial"` // in hexadecimal
	SHA256    string    `json:"sha256"` // of the DER, in hexadecimal
	NotBefore time.Time `json:"not_before"`
	NotAfter  time.Time `json:"not_after"`
}

// Of returns a report of these findings.
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

// Redact replaces the home directory by ~ everywhere, so that the user can publish the report.
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
