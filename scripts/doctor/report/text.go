package report

import (
	"cmp"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

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
	var b strings.Builder
	for i, r := range s {
		switch {
		case r == utf8.RuneError && !strings.HasPrefix(s[i:], string(utf8.RuneError)):
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case unicode.IsPrint(r):
			b.WriteRune(r)
		default:
			quoted := strconv.QuoteRuneToASCII(r)
			b.WriteString(quoted[1 : len(quoted)-1])
		}
	}
	return b.String() + cut
}

// titles are the names of groups for people.
var titles = map[string]string{
	"machine": "Machine", "stores": "Stores", "names": "Names",
	"dns": "DNS", "ports": "Ports", "redirects": "Redirects", "certificate": "Certificate", "protocol": "Protocol",
	"headers": "Headers", "challenge": "Challenge",
}

// looks are the mark, word and colour (ECMA-48) of a state.
var looks = map[State]struct{ mark, word, colour string }{
	OK: {"✓", "ok", "32"}, Note: {"·", "", "2"}, Warn: {"!", "warn", "33"}, Wrong: {"✗", "wrong", "31"},
	Skipped: {"·", "", "2"},
}

// Text writes the report for people. The words carry the whole meaning. Colour only makes findings quicker to see.
func (r Report) Text(w io.Writer, colour bool) error {
	var b strings.Builder
	fmt.Fprintf(&b, "\n  %s\n", cmp.Or(r.URL, "this machine, "+r.System))
	group, count := "", map[State]int{}
	for _, c := range r.Checks {
		if c.Group != group {
			group = c.Group
			fmt.Fprintf(&b, "\n  %s\n", titles[group])
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
	warnings := fmt.Sprintf("%d warnings", warn)
	if warn == 1 {
		warnings = "one warning"
	}
	switch {
	case wrong == 0 && warn == 0:
		return "Nothing is wrong."
	case wrong == 0:
		return "Nothing is wrong; " + warnings + "."
	case wrong == 1:
		return "One thing is wrong; the line with ➜ below it fixes it."
	}
	return fmt.Sprintf("%d things are wrong; begin with the first.", wrong)
}
