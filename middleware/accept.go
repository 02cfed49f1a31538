package middleware

import (
	"iter"
	"strconv"
	"strings"
)

// Weights yields the values in a header such as Accept or Accept-Encoding, in lower case, each with its weight from 0
// to 1 (RFC 9110 §12.4.2).
func Weights(header string) iter.Seq2[string, float64] {
	return func(yield func(string, float64) bool) {
		for part := range strings.SplitSeq(header, ",") {
			value, params, _ := strings.Cut(part, ";")
			weight := 1.0
			for param := range strings.SplitSeq(params, ";") {
				name, text, _ := strings.Cut(param, "=")
				if q, err := strconv.ParseFloat(strings.TrimSpace(text), 64); err == nil &&
					strings.EqualFold(strings.TrimSpace(name), "q") {
					weight = q
				}
			}
			if !yield(strings.ToLower(strings.TrimSpace(value)), weight) {
				return
			}
		}
	}
}

// prefersHTML reports whether an Accept header asks for HTML by name, and weights it no lower than JSON.
func prefersHTML(accept string) bool {
	var html, json float64
	for media, q := range Weights(accept) {
		switch media {
		case "text/html", "application/xhtml+xml", "text/*":
			html = max(html, q)
		case "application/json", "application/problem+json", "application/*":
			json = max(json, q)
		}
	}
	return html > 0 && html >= json
}
