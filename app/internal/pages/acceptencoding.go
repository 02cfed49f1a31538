package pages

import (
	"strconv"
	"strings"
)

// acceptsGzip reports whether an Accept-Encoding header accepts gzip (RFC 9110 §12.5.3). q=0 refuses an encoding.
func acceptsGzip(accept string) bool {
	others := false
	for part := range strings.SplitSeq(accept, ",") {
		coding, params, _ := strings.Cut(part, ";")
		accepted := !refuses(params)
		switch strings.ToLower(strings.TrimSpace(coding)) {
		case "gzip", "x-gzip":
			return accepted
		case "*":
			others = accepted
		}
	}
	return others
}

// refuses reports whether the parameters of an encoding have a weight of zero.
func refuses(params string) bool {
	name, value, _ := strings.Cut(params, "=")
	if !strings.EqualFold(strings.TrimSpace(name), "q") {
		return false
	}
	q, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
	return err == nil && q == 0
}
