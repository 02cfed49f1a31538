package settings

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"

	"example.com/turnkey/tlsconfig/setting"
)

// secret reports whether a setting's value is never shown. ACME_CACHE is shown without its password.
func secret(name string) bool { return name == "ACME_EAB_HMAC_KEY" }

// quotes are the plain ones, and the typographic ones that word processors and chat programs put in their place.
const quotes = "\"'`“”„‟‘’‚‛«»‹›″′´＂＇"

var (
	comment    = regexp.MustCompile(`(^|\s)#`)
	unexpanded = regexp.MustCompile(`^(~|\$\{?[A-Za-z_]|\$\()`)
)

// wrapped reports quotes, comments and references in a value that the file it came from should have resolved. Shells and .env
// remove quotes and comments, while docker --env-file, Kubernetes and systemd's Environment= pass some or all of them on. With
// ACME_CACHE="/data" the server would make a directory whose name begins with a quote, and order new certificates after every
// deployment.
func wrapped(name, value string) (problem, fix string) {
	bare := func(v string) string {
		if secret(name) || strings.Contains(v, "@") || setting.Redacted(v) != v {
			return "write the value alone"
		}
		return "write " + name + "=" + v
	}
	if i := comment.FindStringIndex(value); i != nil {
		alone := strings.Trim(strings.TrimSpace(value[:i[0]]), quotes)
		return "has a comment after the value, which the program that set the variable did not remove", bare(strings.TrimSpace(alone))
	}
	items := []string{value}
	if name != "HSTS" {
		items = strings.Split(value, ",")
	}
	var plain []string
	for _, item := range items {
		plain = append(plain, strings.Trim(strings.TrimSpace(item), quotes))
		if item = strings.TrimSpace(item); item == "" {
			continue
		}
		first, last := strings.TrimLeft(item, quotes) != item, strings.TrimRight(item, quotes) != item
		if name == "HSTS" { // its value may end in a quote: max-age="31536000"
			last = false
		}
		if first || last {
			problem = "has quotes around the value, which the program that set the variable did not remove"
		}
	}
	if problem != "" {
		return problem, bare(strings.Join(plain, ","))
	}
	if i := strings.IndexFunc(value, isInvisible); i >= 0 {
		r := []rune(value[i:])[0]
		return "holds a character that cannot be seen: " + spelled(r), "type the value again"
	}
	if unexpanded.MatchString(value) {
		return "begins with ~ or $, which this program does not expand", "write the value in full, such as /home/you/acme"
	}
	return "", ""
}

// isInvisible reports whether r is a control or format character, such as a zero-width space, a soft hyphen or a mark of the
// writing direction. The two joiners are not counted: real names have them (RFC 5892, appendix A).
func isInvisible(r rune) bool {
	return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) && r != 0x200c && r != 0x200d || r == unicode.ReplacementChar
}

// forbidden returns the first character that no host name has, or 0: quotes, white space, and the dashes and dots of copied
// text that are not - and . themselves. golang.org/x/net/idna accepts them, as browsers do, and makes a name of them that does
// not exist. Letters of every script and emoji are allowed.
func forbidden(host string) rune {
	for _, r := range host {
		switch {
		case strings.ContainsRune("-._*·\u0375\u05f3\u05f4\u0f0b\u30fb", r): // RFC 5892, §2.6 and appendix A
		case isInvisible(r), unicode.IsSpace(r), unicode.IsPunct(r), unicode.In(r, unicode.Z, unicode.Sk, unicode.Sm, unicode.Sc):
			return r
		}
	}
	return 0
}

// spelled returns the character, if it is visible, with its code point.
func spelled(r rune) string {
	if unicode.IsGraphic(r) && !unicode.IsSpace(r) {
		return fmt.Sprintf("%q (%U)", r, r)
	}
	return fmt.Sprintf("%U", r)
}
