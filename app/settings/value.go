package settings

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"

	"example.com/turnkey/tlsconfig/setting"
)

// secret reports whether a setting's value is never shown. ACME_CACHE is shown without its password.
func secret(name string) bool { return name == "ACME_EAB_HMAC_KEY" || name == "ACME_CACHE_KEY" }

// quotes are the plain quotes, and the typographic ones that word processors and chat programs write for them.
const quotes = "\"'`“”„‟‘’‚‛«»‹›″′´＂＇"

var (
	comment    = regexp.MustCompile(`(^|\s)#`)
	unexpanded = regexp.MustCompile(`^(~|\$\{?[A-Za-z_]|\$\()`)
)

// valueProblem returns what is wrong with a value that holds quotes, a comment or a reference, and what to write
// instead. Shells and .env files remove quotes and comments, while docker --env-file, Kubernetes and systemd's
// Environment= pass some or all of them on. With ACME_CACHE="/data" the server would make a directory whose name begins
// with a quote, and order new certificates after every deployment.
func valueProblem(name, value string, secret bool) (problem, fix string) {
	if i := comment.FindStringIndex(value); i != nil {
		return commentKept, bare(name, value[:i[0]], secret)
	}
	items := []string{value}
	if name != "HSTS" {
		items = strings.Split(value, ",")
	}
	var plain []string
	for _, item := range items {
		plain = append(plain, unquoted(item))
		if item = strings.TrimSpace(item); item == "" {
			continue
		}
		first, last := strings.TrimLeft(item, quotes) != item, strings.TrimRight(item, quotes) != item
		if name == "HSTS" { // its value may end in a quote: max-age="31536000"
			last = false
		}
		if first || last {
			problem = quotesKept
		}
	}
	if problem != "" {
		return problem, bare(name, strings.Join(plain, ","), secret)
	}
	if i := strings.IndexFunc(value, isInvisible); i >= 0 {
		return invisible(value[i:])
	}
	if unexpanded.MatchString(value) {
		return notExpanded, writeInFull
	}
	return "", ""
}

const (
	commentKept = "has a comment after the value, which the program that set the variable did not remove"
	quotesKept  = "has quotes around the value, which the program that set the variable did not remove"
	notExpanded = "begins with ~ or $, which this program does not expand"
	writeInFull = "write the value in full, such as /home/you/acme"
)

func invisible(from string) (problem, fix string) {
	r := []rune(from)[0]
	if r == '\n' || r == '\r' {
		return "holds a line break", `write it in one line; ` +
			`in double quotes \n and \r are line breaks, so write a path like C:\new without quotes, or with /`
	}
	return "holds a character that cannot be seen: " + describeRune(r), "type the value again"
}

func unquoted(v string) string { return strings.Trim(strings.TrimSpace(v), quotes) }

// bare is the fix that writes the value alone. It shows no secret.
func bare(name, value string, secret bool) string {
	value = strings.TrimSpace(unquoted(value))
	if secret || strings.Contains(value, "@") || setting.Redacted(value) != value {
		return "write the value alone"
	}
	return "write " + name + "=" + value
}

// isInvisible reports whether r is a control or format character, such as a zero-width space, a soft hyphen or a mark
// of the writing direction. The two zero-width joiners are not counted: real names have them (RFC 5892, appendix A).
func isInvisible(r rune) bool {
	isJoiner := r == 0x200c || r == 0x200d
	return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) && !isJoiner || r == unicode.ReplacementChar
}

// forbidden returns the first character of host that no host name has, or 0: a quote, white space, or a dash or dot of
// copied text that is not - or . itself. golang.org/x/net/idna accepts them, as browsers do, and turns them into a name
// that does not exist. Letters of every script and emoji are allowed.
func forbidden(host string) rune {
	for _, r := range host {
		switch {
		case strings.ContainsRune("-._*·\u0375\u05f3\u05f4\u0f0b\u30fb", r): // RFC 5892, §2.6 and appendix A
		case isInvisible(r), unicode.IsSpace(r), unicode.IsPunct(r),
			unicode.In(r, unicode.Z, unicode.Sk, unicode.Sm, unicode.Sc):
			return r
		}
	}
	return 0
}

// describeRune returns the code point of r, after the character itself if it is visible.
func describeRune(r rune) string {
	if unicode.IsGraphic(r) && !unicode.IsSpace(r) {
		return fmt.Sprintf("%q (%U)", r, r)
	}
	return fmt.Sprintf("%U", r)
}
