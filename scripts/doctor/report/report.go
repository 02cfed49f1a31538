// Package report prints the doctor's findings, for people and as JSON.
package report

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strconv"
	"strings"
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

// Finding is the result of one check. Its texts are safe for a terminal.
type Finding struct {
	// Group is one of dns, ports, redirects, certificate, protocol, headers, challenge for a site, and one of machine,
	// certificate, stores, ports, names for this machine.
	Group string `json:"group"`
	Name  string `json:"check"` // in the group; a check of several addresses or stores is there once for each
	State State  `json:"status"`
	Found string `json:"found"`         // for people
	Fix   string `json:"fix,omitempty"` // what to do, if anything
}

// Section collects the findings of a group. It escapes their texts, so that no text of a site reaches a terminal
// unescaped.
type Section struct {
	Group string // of the findings to come
	Found []Finding
}

func (s *Section) OK(name, found string)         { s.add(name, OK, found, "") }
func (s *Section) Note(name, found, fix string)  { s.add(name, Note, found, fix) }
func (s *Section) Warn(name, found, fix string)  { s.add(name, Warn, found, fix) }
func (s *Section) Wrong(name, found, fix string) { s.add(name, Wrong, found, fix) }
func (s *Section) Skip(name, reason string)      { s.add(name, Skipped, reason, "") }

// Cases are the possible results of one check.
type Cases = []struct {
	If         bool
	State      State
	Found, Fix string
}

// First adds the first case that holds, if any.
func (s *Section) First(name string, cases Cases) {
	for _, c := range cases {
		if c.If {
			s.add(name, c.State, c.Found, c.Fix)
			return
		}
	}
}

func (s *Section) add(name string, state State, found, fix string) {
	s.Found = append(s.Found, Finding{s.Group, name, state, escape(found, longest), escape(fix, longest)})
}

// Report is what --json prints. Fields, groups and names of checks do not change, but new ones may be added. Times are
// as in RFC 3339.
type Report struct {
	OK     bool      `json:"ok"` // nothing is wrong; there may be warnings
	Time   time.Time `json:"time"`
	System string    `json:"system"` // where the doctor ran: operating system and processor
	Go     string    `json:"go"`     // its version
	Checks []Finding `json:"checks"`

	// These are absent for this machine.
	URL         string       `json:"url,omitempty"`
	Addresses   []string     `json:"addresses,omitzero"`    // [] for a site without any
	Certificate *Certificate `json:"certificate,omitempty"` // as the site serves it; absent if there is none
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
	return Report{
		OK:   !slices.ContainsFunc(found, func(f Finding) bool { return f.State == Wrong }),
		Time: now.UTC().Truncate(time.Second), System: runtime.GOOS + "/" + runtime.GOARCH, Go: runtime.Version(),
		Checks: append([]Finding{}, found...),
	}
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

// A site may send texts of any length. These are the longest that are shown, in bytes: of a line, and of a part of one.
const longest, longestPart = 600, 120

// Part escapes a text that a site sent, and shortens it where other text follows in the same line.
func Part(s string) string { return escape(s, longestPart) }

// escape makes s safe for a terminal: it escapes control characters, and those that reverse or hide text. Printable
// text stays as it is.
func escape(s string, most int) string {
	cut := ""
	if len(s) > most {
		s, cut = s[:most], "…" // half a character at the end is escaped too
	}
	quoted := strconv.Quote(s)
	return strings.NewReplacer(`\"`, `"`, `\\`, `\`).Replace(quoted[1:len(quoted)-1]) + cut
}

// looks are the mark, word and colour (ECMA-48) of each state.
var looks = map[State]struct{ mark, word, colour string }{
	OK: {"✓", "ok", "32"}, Warn: {"!", "warn", "33"}, Wrong: {"✗", "wrong", "31"},
	Note: {"·", "", "2"}, Skipped: {"·", "", "2"},
}

// Text writes the report for people. Colour adds nothing to the words.
func (r Report) Text(w io.Writer, colour bool) error {
	var b strings.Builder
	fmt.Fprintf(&b, "\n  %s\n", cmp.Or(r.URL, "this machine, "+r.System))
	group, count := "", map[State]int{}
	for _, c := range r.Checks {
		if c.Group != group {
			group = c.Group
			fmt.Fprintf(&b, "\n  %s\n", strings.Replace(strings.ToUpper(group[:1])+group[1:], "Dns", "DNS", 1))
		}
		count[c.State]++
		state := fmt.Sprintf("%s %-5s", looks[c.State].mark, looks[c.State].word)
		if colour {
			state = "\x1b[" + looks[c.State].colour + "m" + state + "\x1b[0m"
		}
		fmt.Fprintf(&b, "  %s  %-11s  %s\n", state, c.Name, c.Found)
		if c.Fix != "" {
			fmt.Fprintf(&b, "                        ➜ %s\n", c.Fix)
		}
	}
	fmt.Fprintf(&b, "\n  %s\n", verdict(count[Wrong], count[Warn]))
	_, err := io.WriteString(w, b.String())
	return err
}

func verdict(wrong, warn int) string {
	switch {
	case wrong > 1:
		return fmt.Sprintf("%d things are wrong; begin with the first.", wrong)
	case wrong == 1:
		return "One thing is wrong; the line with ➜ below it fixes it."
	case warn > 1:
		return fmt.Sprintf("Nothing is wrong; %d warnings.", warn)
	case warn == 1:
		return "Nothing is wrong; one warning."
	}
	return "Nothing is wrong."
}
