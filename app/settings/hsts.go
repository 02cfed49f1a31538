package settings

import (
	"fmt"
	"strconv"
	"strings"
)

// hsts reads a Strict-Transport-Security value (RFC 6797 §6.1). An empty value is valid: the header is not sent.
func (r *reader) hsts(name, def string) string {
	v, set := r.raw(name)
	if !set {
		return def
	}
	if problem := hstsProblem(v); problem != "" {
		r.fault(name, v, problem,
			"write max-age=31536000 (a year), max-age=0 to take it back, or nothing to leave the header out")
		return def
	}
	return v
}

// hstsProblem returns what is wrong with a value, or "". preload is checked against
// https://hstspreload.org/#submission-requirements.
func hstsProblem(v string) string {
	if v == "" {
		return ""
	}
	seen := map[string]bool{}
	maxAge := uint64(0)
	for d := range strings.SplitSeq(v, ";") {
		name, value, hasValue := strings.Cut(strings.TrimSpace(d), "=")
		name = strings.ToLower(strings.TrimSpace(name))
		if seen[name] {
			return "names " + name + " twice"
		}
		seen[name] = true
		switch name {
		case "max-age":
			n, err := strconv.ParseUint(strings.Trim(strings.TrimSpace(value), `"`), 10, 62)
			if err != nil {
				return "has a max-age that is not a number of seconds"
			}
			maxAge = n
		case "includesubdomains", "preload":
			if hasValue {
				return name + " takes no value"
			}
		default:
			return fmt.Sprintf("has an unknown directive %q", strings.TrimSpace(d))
		}
	}
	if !seen["max-age"] {
		return "has no max-age"
	}
	if seen["preload"] && (!seen["includesubdomains"] || maxAge < 31536000) {
		return "asks for preload, which needs includeSubDomains and a max-age of at least 31536000"
	}
	return ""
}
