package site

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// hstsPolicy is a parsed Strict-Transport-Security header.
type hstsPolicy struct {
	maxAge     time.Duration
	subdomains bool
	preload    bool
}

// parseHSTS parses a header (RFC 6797 §6.1). Browsers ignore a header that it rejects.
func parseHSTS(value string) (p hstsPolicy, err error) {
	seen := map[string]bool{}
	for directive := range strings.SplitSeq(value, ";") {
		name, arg, _ := strings.Cut(directive, "=")
		name, arg = strings.ToLower(strings.Trim(name, " \t")), strings.Trim(arg, " \t")
		if name == "" {
			continue
		}
		if seen[name] {
			return hstsPolicy{}, fmt.Errorf("%s is there twice", name)
		}
		seen[name] = true
		switch name {
		case "max-age":
			if len(arg) > 1 && arg[0] == '"' && arg[len(arg)-1] == '"' {
				arg = arg[1 : len(arg)-1]
			}
			seconds, err := strconv.ParseUint(arg, 10, 63)
			if err != nil && strings.Trim(arg, "0123456789") != "" || arg == "" {
				return hstsPolicy{}, fmt.Errorf("max-age %q is no number of seconds", arg)
			}
			p.maxAge = time.Duration(min(seconds, hundredYears)) * time.Second
		case "includesubdomains":
			p.subdomains = true
		case "preload":
			p.preload = true
		}
	}
	if !seen["max-age"] {
		return hstsPolicy{}, fmt.Errorf("max-age is missing")
	}
	return p, nil
}

const hundredYears = 100 * 366 * 24 * 60 * 60 // seconds, which a time.Duration can hold
