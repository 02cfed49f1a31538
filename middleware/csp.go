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
// source replaces 'none'. The sources of a group and of its routes add up. CSP panics, at the start, if browsers would
// not understand a directive or a source.
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

// sourceDirectives are the directives that take a list of sources, and otherDirectives take something else
// (https://www.w3.org/TR/CSP3/#csp-directives).
var (
	sourceDirectives = strings.Fields("base-uri child-src connect-src default-src fenced-frame-src font-src form-action " +
		"frame-ancestors frame-src img-src manifest-src media-src object-src script-src script-src-attr script-src-elem " +
		"style-src style-src-attr style-src-elem worker-src")
	otherDirectives = strings.Fields("report-to report-uri require-trusted-types-for sandbox trusted-types " +
		"upgrade-insecure-requests webrtc")
)

// The sources of https://www.w3.org/TR/CSP3/#framework-directive-source-list. A keyword stands in quotes.
var (
	keyword = regexp.MustCompile(`^(self|none|strict-dynamic|report-(sample|sha(256|384|512))|inline-speculation-rules|` +
		`unsafe-(inline|eval|hashes|allow-redirects)|(wasm-unsafe|trusted-types)-eval|` +
		`(nonce|sha256|sha384|sha512)-[A-Za-z0-9+/_-]+={0,2})$`)
	schemeOrHost = regexp.MustCompile(
		`(?i)^([a-z][a-z0-9+.-]*:|([a-z][a-z0-9+.-]*://)?(\*|(\*\.)?[a-z0-9_-]+(\.[a-z0-9_-]+)*)(:(\d+|\*))?(/[^?#'"]*)?)$`)
	bareScheme = regexp.MustCompile(`^(data|blob|https?|wss?|mediastream|filesystem)$`)
)

// checkDirective returns an error if d is not one directive with sources that browsers understand. They ignore what
// they do not, and a page then breaks, or is less strict than it looks.
func checkDirective(d string) error {
	fields := strings.Fields(d)
	if len(fields) == 0 || strings.Trim(fields[0], "abcdefghijklmnopqrstuvwxyz-") != "" {
		return fmt.Errorf("middleware.CSP: %q does not begin with a directive such as img-src", d)
	}
	name := fields[0]
	for _, r := range d {
		if r > '~' {
			return fmt.Errorf("middleware.CSP: %q holds %q: write ASCII, and keywords in straight quotes: 'self'", d, r)
		}
		if r == ';' || r == ',' || r < ' ' {
			return fmt.Errorf("middleware.CSP: %q holds %q; give each directive its own argument", d, r)
		}
	}
	if slices.Contains(otherDirectives, name) {
		return nil
	}
	if !slices.Contains(sourceDirectives, name) {
		return fmt.Errorf("middleware.CSP: in %q, browsers know no directive %s: they know %s", d, name,
			strings.Join(append(sourceDirectives, otherDirectives...), ", "))
	}
	if len(fields) == 1 {
		return fmt.Errorf("middleware.CSP: %q names no source to add: %s https://cdn.example.com", d, name)
	}
	for _, source := range fields[1:] {
		if problem := checkSource(source); problem != "" {
			return fmt.Errorf("middleware.CSP: in %q, %s %s", d, source, problem)
		}
	}
	return nil
}

// checkSource returns what is wrong with a source, or "".
func checkSource(source string) string {
	bare := strings.Trim(source, "'\"`")
	switch isKeyword := keyword.MatchString(bare); {
	case source == "'none'":
		return "adds no source: for a stricter policy, set the header in the handler"
	case isKeyword && source == "'"+bare+"'":
		return ""
	case isKeyword:
		return "needs quotes: '" + bare + "'"
	case bareScheme.MatchString(source):
		return "needs a colon: " + source + ":"
	case !schemeOrHost.MatchString(source):
		return "is no source: write one such as 'self', 'unsafe-inline', data:, https://cdn.example.com or *.example.com"
	}
	return ""
}
