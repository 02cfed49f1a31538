package cert

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Problem is a problem document of a CA (RFC 8555 §6.7), in the CA's own words. If a proxy answered in place of the
// CA, Type is empty and Detail describes the response.
type Problem struct {
	Type        string        `json:"type"` // e.g. urn:ietf:params:acme:error:dns
	Detail      string        `json:"detail"`
	Status      int           `json:"status,omitempty"`
	Identifier  string        `json:"identifier,omitempty"` // the host that it is about, if the order has several
	Challenge   string        `json:"challenge,omitempty"`  // type of the challenge that failed
	Subproblems []Problem     `json:"subproblems,omitempty"`
	RetryAfter  time.Duration `json:"retry_after,omitempty"` // that the CA asks for
	Instance    string        `json:"instance,omitempty"`    // page where the account's owner has to do something
	Link        string        `json:"link,omitempty"`        // page that the response links to: new terms, or help
}

// HasType reports whether the problem has a type. "about:blank" is RFC 9457's name for none, and earlier versions
// stored it in their records.
func (p Problem) HasType() bool { return p.Type != "" && p.Type != "about:blank" }

// Error is the problem in one line, with its subproblems and the pages that it names.
func (p Problem) Error() string {
	var b strings.Builder
	if p.Challenge != "" {
		fmt.Fprintf(&b, "%s: ", p.Challenge)
	}
	switch {
	case p.HasType():
		fmt.Fprintf(&b, "%s: %s", strings.TrimPrefix(p.Type, "urn:ietf:params:acme:error:"), p.Detail)
	case p.Status != 0 && strings.HasPrefix(p.Detail, fmt.Sprint(p.Status)):
		// The status line, which earlier versions stored.
		fmt.Fprintf(&b, "the ACME server, or a proxy in front of it, answered %s", p.Detail)
	default:
		b.WriteString(p.Detail)
	}
	for _, page := range slices.Compact([]string{p.Instance, p.Link}) {
		if page != "" && !strings.Contains(p.Detail, page) {
			fmt.Fprintf(&b, " (see %s)", page)
		}
	}
	for _, sub := range p.Subproblems {
		fmt.Fprintf(&b, "; %s", sub.Error())
	}
	return b.String()
}
