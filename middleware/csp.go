package middleware

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"
)

// CSP adds sources to the Content-Security-Policy of a route or a group, and leaves every other page as strict as it
// was. Each argument is a directive with what it allows beside what it allows already:
//
//	r.GET("/map", middleware.CSP("img-src https://tile.openstreetmap.org"), showMap)
//
// A directive that the policy lacks is put in, with what the one behind it allowed; 'none' gives way to anything. Groups
// and routes add up. What is not a directive panics, at the start.
func CSP(directives ...string) gin.HandlerFunc {
	for _, d := range directives {
		if err := checkDirective(d); err != nil {
			panic(err)
		}
	}
	extended := []string{extend(policy, directives)}
	return func(c *gin.Context) {
		header := c.Writer.Header()
		if before := header.Get(cspHeader); before != "" && before != policy { // a group's, or one with a nonce
			header.Set(cspHeader, extend(before, directives))
			return
		}
		header[cspHeader] = extended
	}
}

// behind are the directives that speak for one that a policy lacks, before default-src does
// (https://www.w3.org/TR/CSP3/#directive-fallback-list).
var behind = map[string][]string{
	"script-src-elem": {"script-src"}, "script-src-attr": {"script-src"}, "style-src-elem": {"style-src"}, "style-src-attr": {"style-src"},
	"worker-src": {"child-src", "script-src"}, "frame-src": {"child-src"},
}

// extend adds directives to a policy.
func extend(policy string, directives []string) string {
	parts := strings.Split(policy, "; ")
	for _, d := range directives {
		fields := strings.Fields(d)
		i := indexOf(parts, fields[0])
		if i < 0 {
			i = len(parts)
			parts = append(parts, fields[0]+inherited(parts, fields[0]))
		}
		has := slices.DeleteFunc(strings.Fields(parts[i]), func(s string) bool { return s == "'none'" })
		for _, source := range fields[1:] {
			if !slices.Contains(has, source) {
				has = append(has, source)
			}
		}
		parts[i] = strings.Join(has, " ")
	}
	return strings.Join(parts, "; ")
}

// inherited is what a directive that the policy lacks allows all the same.
func inherited(parts []string, name string) string {
	if !strings.Contains(name, "-src") {
		return ""
	}
	for _, other := range append(slices.Clone(behind[name]), "default-src") {
		if i := indexOf(parts, other); i >= 0 {
			return strings.TrimPrefix(parts[i], other)
		}
	}
	return ""
}

func indexOf(parts []string, name string) int {
	return slices.IndexFunc(parts, func(p string) bool { return p == name || strings.HasPrefix(p, name+" ") })
}

// keyword matches what CSP writes in quotes, without them.
var keyword = regexp.MustCompile(`^(self|none|strict-dynamic|report-sample|unsafe-[a-z-]+|wasm-unsafe-eval|(nonce|sha256|sha384|sha512)-.*)$`)

// checkDirective takes one directive of CSP's grammar (https://www.w3.org/TR/CSP3/#framework-directives).
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
		if keyword.MatchString(source) {
			return fmt.Errorf("middleware.CSP: in %q, %s needs quotes: '%s'", d, source, source)
		}
	}
	return nil
}
