package envfile

import (
	"regexp"
	"strings"
)

// quoteFix is the fix for a value with characters that have a meaning in double quotes.
const quoteFix = "write the value in single quotes, which keep every character; " +
	"in backticks where it holds a single quote"

var (
	braced = regexp.MustCompile(`\$\{[A-Za-z_]|\$\([^)]*\)`)
	dollar = regexp.MustCompile(`\$([A-Za-z_][A-Za-z0-9_]*)`)
)

// unclear returns why a value that godotenv and Node's dotenv read differently can have two meanings, and how to write
// it. The problem is "" if the value can only mean what is written. names are the variables that the file sets.
func (a assignment) unclear(names map[string]int) (problem, fix string) {
	quote, inner := a.quote()
	switch {
	case quote == 0 && a.raw != "" && strings.IndexByte("'\"`", a.raw[0]) >= 0:
		if strings.Count(a.raw, a.raw[:1]) == 1 {
			return "opens a quote that is never closed",
				"close it, or put a value that begins with a quote into quotes of another kind"
		}
		return "has text after the closing quote",
			"put the whole value into quotes of a kind that it does not hold: '…', \"…\" or `…`"
	case quote == 0 && a.cut:
		return "has a # directly after the value: a comment for some programs, a part of the value for others",
			"put the value in single quotes, or a space before the comment"
	case quote != 0 && strings.Contains(inner, `\`+string(quote)),
		quote == '"' && strings.Contains(inner, `\\`),
		quote != '\'' && strings.Contains(inner, `\$`):
		return "has a backslash before a quote, a $ or another backslash, which some programs drop and others keep",
			quoteFix
	case quote != '\'' && braced.MatchString(inner):
		return "refers to another variable or a command with ${…} or $(…), which this program does not expand",
			"write the result instead, or put the value in single quotes to keep it as it is"
	case quote != '\'':
		for _, m := range dollar.FindAllStringSubmatch(inner, -1) {
			if _, ok := names[m[1]]; ok {
				return "holds $" + m[1] + ", the name of another variable in this file, which this program does not expand",
					"write its value instead, or put the value in single quotes to keep it as it is"
			}
		}
	}
	return "", ""
}

// quote returns the quotation mark around the whole value and the text inside, or 0 and the whole value if there is
// none.
func (a assignment) quote() (kind byte, inner string) {
	n := len(a.raw)
	if n < 2 || a.raw[0] != a.raw[n-1] || strings.IndexByte("'\"`", a.raw[0]) < 0 {
		return 0, a.raw
	}
	kind, inner = a.raw[0], a.raw[1:n-1]
	for i := range len(inner) {
		if inner[i] == kind && (i == 0 || inner[i-1] != '\\') {
			return 0, a.raw // two quoted words: "a" and "b"
		}
	}
	return kind, inner
}
