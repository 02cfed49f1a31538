package pages

import (
	"strconv"
	"strings"
)

// acceptsGzip reads Accept-Encoding (RFC 9110 §12.5.3); q=0 refuses.
func acceptsGzip(accept string) bool {
	rest := false
	for part := range strings.SplitSeq(accept, ",") {
		coding, params, _ := strings.Cut(part, ";")
		taken := !refuses(params)
		switch strings.ToLower(strings.TrimSpace(coding)) {
		case "gzip", "x-gzip":
			return taken
		case "*":
			rest = taken
		}
	}
	return rest
}

// refuses says whether parameters hold a weight of zero.
func refuses(params string) bool {
	name, value, _ := strings.Cut(params, "=")
	if !strings.EqualFold(strings.TrimSpace(name), "q") {
		return false
	}
	q, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
	return err == nil && q == 0
}
