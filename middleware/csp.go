package middleware

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/gin-gonic/gin"
)

// CSP adds sources to the Content-Security-Policy of a route or a group, and leaves every other page as strict as it
// was. Each argument is a directive with what it allows beside what it allows already:
//
//	r.GET("/map", middleware.CSP("img-src https://tile.openstreetmap.org"), showMap)
//
// A directive that the policy lacks is put in; 'none' gives way to anything. Groups and routes add up. What is not a
// directive panics, at the start.
func CSP(directives ...string) gin.HandlerFunc {
	for _, d := range directives {
		if err := checkDirective(d); err != nil {
			panic(err)
		}
	}
	extended := []string{extend(policy, directives)}
	var others sync.Map // by the policy of a group around: there are as many as there are groups
	return func(c *gin.Context) {
		header := c.Writer.Header()
		before := header[cspHeader]
		if len(before) == 0 || before[0] == policy {
			header[cspHeader] = extended
			return
		}
		value, ok := others.Load(before[0])
		if !ok {
			value, _ = others.LoadOrStore(before[0], []string{extend(before[0], directives)})
		}
		header[cspHeader] = value.([]string)
	}
}

// extend adds directives to a policy.
func extend(policy string, directives []string) string {
	parts := strings.Split(policy, "; ")
	for _, d := range directives {
		fields := strings.Fields(d)
		i := slices.IndexFunc(parts, func(p string) bool { return p == fields[0] || strings.HasPrefix(p, fields[0]+" ") })
		if i < 0 {
			parts = append(parts, strings.Join(fields, " "))
			continue
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
		if bare := strings.Trim(source, "'"); bare == source && slices.Contains([]string{"self", "none", "unsafe-inline", "unsafe-eval", "strict-dynamic"}, bare) {
			return fmt.Errorf("middleware.CSP: in %q, %s needs quotes: '%s'", d, source, source)
		}
	}
	return nil
}
