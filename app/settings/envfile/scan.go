package envfile

import (
	"regexp"
	"strings"
)

// assignment is one NAME=value of a file, as Node's dotenv reads it.
type assignment struct {
	line  int
	name  string
	text  string // the whole statement, with its comment
	raw   string // the value with its quotes
	value string
	cut   bool // the value ends at a # without a space before it
}

// statement is the regular expression of Node's dotenv (github.com/motdotla/dotenv, the same since version 15) with one
// difference: no white space in it matches the end of a line. Node's dotenv would read the next line as a part of this
// one. S stands for the white space of JavaScript's \s.
var statement = func() *regexp.Regexp {
	const space = `[\t\v\f \x{a0}\x{1680}\x{2000}-\x{200a}\x{202f}\x{205f}\x{3000}\x{feff}]`
	return regexp.MustCompile(strings.ReplaceAll(
		`(?m)^S*(?:exportS+)?([\w.-]+)(?:S*=|:S|:$)`+
			`(S*'(?:\\'|[^'])*'|S*"(?:\\"|[^"])*"|S*`+"`(?:\\\\`|[^`])*`"+`|[^#\n]+)?S*(?:#.*)?$`,
		"S", space))
}()

// scan returns the assignments before the first line that is not one, is not blank and is not a comment, and a fault
// for that line. It stops there because the lines after it may be the rest of a secret that was meant for one variable.
func scan(text string) (found []assignment, broken *Fault) {
	at := 0
	for _, m := range statement.FindAllStringSubmatchIndex(text, -1) {
		if broken = firstUnparsed(text, at, m[0]); broken != nil {
			return found, broken
		}
		if text[m[3]:m[1]] == ":" && !blankNext(text[m[1]:]) { // Node's dotenv would read the next line as the value
			return found, firstUnparsed(text, m[0], m[1])
		}
		a := assignment{line: lineAt(text, m[2]), name: text[m[2]:m[3]], text: text[m[0]:m[1]]}
		end := m[3] + strings.IndexByte(text[m[3]:m[1]], '#') // without a value, the first # begins the comment
		if m[4] >= 0 {
			a.raw, end = trim(text[m[4]:m[5]]), m[5]
		}
		a.cut = end >= m[3] && end < m[1] && text[end] == '#' && trim(text[end-1:end]) != ""
		a.value = unquoted(a.raw)
		found = append(found, a)
		at = m[1]
	}
	return found, firstUnparsed(text, at, len(text))
}

// blankNext reports whether another line follows that is blank or a comment.
func blankNext(rest string) bool {
	rest, ok := strings.CutPrefix(rest, "\n")
	next, _, _ := strings.Cut(rest, "\n")
	next = trim(next)
	return ok && (next == "" || next[0] == '#')
}

// unquoted removes the outer quotes, and in double quotes turns \n and \r into line ends, as Node's dotenv does.
func unquoted(raw string) string {
	value := raw
	if n := len(raw); n > 1 && raw[0] == raw[n-1] && strings.IndexByte("'\"`", raw[0]) >= 0 {
		value = raw[1 : n-1]
	}
	if strings.HasPrefix(raw, `"`) {
		value = strings.ReplaceAll(strings.ReplaceAll(value, `\n`, "\n"), `\r`, "\r")
	}
	return value
}

// yamlLine matches a line of YAML that sets a variable.
var yamlLine = regexp.MustCompile(`^(?:export )?([A-Z][A-Z0-9_]*) ?:`)

// firstUnparsed returns a fault for the first line between two offsets that is neither blank nor a comment, or nil. The
// fault has the name only if it is in capitals, as names of variables are. Anything else may be a part of a secret.
func firstUnparsed(text string, from, to int) *Fault {
	for offset := from; offset < to; {
		line, _, _ := strings.Cut(text[offset:to], "\n")
		if s := strings.TrimSpace(trim(line)); s != "" && s[0] != '#' { // Unicode's white space has U+0085 too
			f := &Fault{Line: lineAt(text, offset), Problem: "is not NAME=value",
				Fix: "write NAME=value, with quotes around a value of several lines"}
			if m := yamlLine.FindStringSubmatch(s); m != nil {
				f.Name = m[1]
			}
			return f
		}
		offset += len(line) + 1
	}
	return nil
}

// trim removes the characters that JavaScript's trim removes.
func trim(s string) string {
	return strings.Trim(s, "\t\v\f \n\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"+
		"\u202f\u205f\u3000\ufeff")
}
