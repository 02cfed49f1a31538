package settings

import (
	"regexp"
	"strings"

	"example.com/turnkey/tlsconfig/setting"
)

// secret reports whether a setting's value is never shown. ACME_CACHE is shown without its password.
func secret(name string) bool { return name == "ACME_EAB_HMAC_KEY" }

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
func valueProblem(name, value string) (problem, fix string) {
	bare := func(v string) string { // the fix, which shows no secret
		if secret(name) || strings.Contains(v, "@") || setting.Redacted(v) != v {
			return "write the value alone"
		}
		return "write " + name + "=" + v
	}
	if i := comment.FindStringIndex(value); i != nil {
		alone := strings.Trim(strings.TrimSpace(value[:i[0]]), quotes)
		return "has a comment after the value, which the program that set the variable did not remove",
			bare(strings.TrimSpace(alone))
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
		return "holds a character that cannot be seen: " + describeRune(r), "type the value again"
	}
	if unexpanded.MatchString(value) {
		return "begins with ~ or $, which this program does not expand",
			"write the value in full, such as /home/you/acme"
	}
	return "", ""
}
