package middleware

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"
)

// CSP adds sources to the Content-Security-Policy of a route or a group. Other pages stay as strict as they are. Each
// argument is a directive with the sources to add:
//
//	r.GET("/map", middleware.CSP("img-src https://tile.openstreetmap.org"), showMap)
//
// A directive that the policy lacks is added, with the sources of the directive that browsers use in its place. A
// source replaces 'none'. The sources of a group and of its routes add up. CSP panics, at the start, if an argument
// is no directive.
func CSP(directives ...string) gin.HandlerFunc {
	for _, d := range directives {
		if err := checkDirective(d); err != nil {
			panic(err)
		}
	}
	extended := []string{extend(defaultPolicy, directives)}
	return func(c *gin.Context) {
		header := c.Writer.Header()
		// Another policy is that of a group, or of a middleware that adds a nonce.
		if before := header.Get(cspHeader); before != "" && before != defaultPolicy {
			header.Set(cspHeader, extend(before, directives))
			return
		}
		header[cspHeader] = extended
	}
}

// fallbacks are the directives that browsers use in place of one that a policy lacks, before default-src
// (https://www.w3.org/TR/CSP3/#directive-fallback-list).
var fallbacks = map[string][]string{
	"script-src-elem": {"script-src"}, "script-src-attr": {"script-src"},
	"style-src-elem": {"style-src"}, "style-src-attr": {"style-src"},
	"worker-src": {"child-src", "script-src"}, "frame-src": {"child-src"},
}

// extend returns the policy with the sources of the directives added.
func extend(policy string, directives []string) string {
	parts := strings.Split(policy, "; ")
	for _, d := range directives {
		fields := strings.Fields(d)
		i := indexOf(parts, fields[0])
		if i < 0 {
			i = len(parts)
			parts = append(parts, fields[0]+inherited(parts, fields[0]))
		}
		words := slices.DeleteFunc(strings.Fields(parts[i]), func(s string) bool { return s == "'none'" })
		for _, source := range fields[1:] {
			if !slices.Contains(words, source) {
				words = append(words, source)
			}
		}
		parts[i] = strings.Join(words, " ")
	}
	return strings.Join(parts, "; ")
}

// inherited returns the sources that browsers allow for a directive that the policy lacks.
func inherited(parts []string, name string) string {
	if !strings.Contains(name, "-src") {
		return ""
	}
	for _, other := range append(slices.Clone(fallbacks[name]), "default-src") {
		if i := indexOf(parts, other); i >= 0 {
			return strings.TrimPrefix(parts[i], other)
		}
	}
	return ""
}

func indexOf(parts []string, name string) int {
	return slices.IndexFunc(parts, func(p string) bool { return p == name || strings.HasPrefix(p, name+" ") })
}

// unquoted matches a source that CSP wants in quotes, without the quotes.
var unquoted = regexp.MustCompile(
	`^(self|none|strict-dynamic|report-sample|unsafe-[a-z-]+|wasm-unsafe-eval|(nonce|sha256|sha384|sha512)-.*)$`)

// checkDirective returns an error if d is not one directive (https://www.w3.org/TR/CSP3/#framework-directives).
func checkDirective(d string) error {
	fields := strings.Fields(d)
	if len(fields) == 0 || strings.Trim(fields[0], "abcdefghijklmnopqrstuvwxyz-") != "" {
		return fmt.Errorf("middleware.CSP: %q does not begin with a directive such as img-src", d)
	}
	for _, r := range d {
		if r == ';' || r == ',' || r < ' ' || r > '~' {
			return fmt.Errorf("middleware.CSP: %q holds %q; give each directive an argument of its own", d, r)
		}
	}
	for _, source := range fields[1:] {
		if unquoted.MatchString(source) {
			return fmt.Errorf("middleware.CSP: in %q, %s needs quotes: '%s'", d, source, source)
		}
	}
	return nil
}
