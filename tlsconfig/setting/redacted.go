package setting

import (
	"regexp"
	"strings"
)

// Redacted returns a setting's value as it may be shown. Of a URL with a user or password it keeps the scheme, and a
// host that cannot be a part of the password. A parsed URL is not enough: for a URL parser a / or # in the password
// ends the host, and the rest of the password looks like a path. A value that is not a URL stays as it is.
func Redacted(value string) string {
	scheme, rest, ok := strings.Cut(value, "://")
	if !ok {
		if i := strings.LastIndexByte(value, '@'); i >= 0 && strings.Contains(value[:i], ":") &&
			!strings.HasPrefix(value, "mailto:") { // user:password@host
			return "…"
		}
		if storeScheme.MatchString(value) { // redis:password
			return strings.SplitN(value, ":", 2)[0] + ":…"
		}
		return value
	}
	i := strings.LastIndexByte(rest, '@')
	switch {
	case strings.ContainsAny(scheme, "@:"):
		return "…"
	case i < 0 && strings.HasPrefix(strings.TrimLeft(scheme, "\"'`"), "http"), i < 0 && plainHost.MatchString(rest):
		return value
	case i >= 0 && plainHost.MatchString(rest[i+1:]):
		return scheme + "://…@" + rest[i+1:]
	}
	return scheme + "://…"
}

var (
	storeScheme = regexp.MustCompile(`^["']?(?i:rediss?|valkeys?):`)
	plainHost   = regexp.MustCompile(`^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:[0-9]{1,5})?(/[0-9]{0,3})?["']?$`)
)
