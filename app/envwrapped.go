package main

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
)

// secret reports whether a setting's value is never shown. ACME_CACHE is shown without its password.
func secret(name string) bool { return name == "ACME_EAB_HMAC_KEY" }

// quotes are those of programs, and those that word processors and chat programs put in their place.
const quotes = "\"'`“”„‟‘’‚‛«»‹›″′´＂＇"

var (
	comment = regexp.MustCompile(`(^|\s)#`)
	unfed   = regexp.MustCompile(`^(~|\$\{?[A-Za-z_]|\$\()`)
)

// wrapped says what stands around or in a value that belongs to the file it was written in: shells and .env take quotes
// and comments off, while docker --env-file, Kubernetes and systemd's Environment= pass some or all of them on. A folder
// named " would be made, and every deployment would order certificates anew.
func wrapped(name, value string) (problem, fix string) {
	bare := func(v string) string {
		if secret(name) || strings.Contains(v, "@") {
			return "write the value alone"
		}
		return "write " + name + "=" + v
	}
	if i := comment.FindStringIndex(value); i != nil {
		alone := strings.Trim(strings.TrimSpace(value[:i[0]]), quotes)
		return "has a comment behind the value, which what read the file passed on", bare(strings.TrimSpace(alone))
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
		if name == "HSTS" { // which may end so: max-age="31536000"
			last = false
		}
		if first || last {
			problem = "has quotes around the value, which what read the file passed on"
		}
	}
	if problem != "" {
		return problem, bare(strings.Join(plain, ","))
	}
	if i := strings.IndexFunc(value, unseen); i >= 0 {
		r := []rune(value[i:])[0]
		return "holds a character that cannot be seen: " + spelled(r), "type the value again"
	}
	if unfed.MatchString(value) {
		return "begins with ~ or $, which nothing fills in here", "write the value out, such as /home/you/acme"
	}
	return "", ""
}

// unseen reports control and format characters: zero-width spaces, soft hyphens, marks of the writing direction. The two
// joiners are in names that people really use (RFC 5892, appendix A).
func unseen(r rune) bool {
	return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) && r != 0x200c && r != 0x200d || r == unicode.ReplacementChar
}

// foreign is the first character that is in no host name, 0 for none: quotes, white space, dashes and dots other than - and .
// as they come with copied text. golang.org/x/net/idna lets them through, as browsers do, and what comes out is a name
// that exists nowhere. Letters of every script are fine, and so are emoji.
func foreign(host string) rune {
	for _, r := range host {
		switch {
		case strings.ContainsRune("-._*·\u0375\u05f3\u05f4\u0f0b\u30fb", r): // RFC 5892, §2.6 and appendix A
		case unseen(r), unicode.IsSpace(r), unicode.IsPunct(r), unicode.In(r, unicode.Z, unicode.Sk, unicode.Sm, unicode.Sc):
			return r
		}
	}
	return 0
}

// spelled is a character as it can be read, with its number.
func spelled(r rune) string {
	if unicode.IsGraphic(r) && !unicode.IsSpace(r) {
		return fmt.Sprintf("%q (%U)", r, r)
	}
	return fmt.Sprintf("%U", r)
}
