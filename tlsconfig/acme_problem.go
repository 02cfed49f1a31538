package tlsconfig

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Problem is what a certificate authority said went wrong (RFC 8555 §6.7), in its own words. Where a proxy answered in its
// place, Type is empty and Detail describes the response.
type Problem struct {
	Type        string        `json:"type"` // e.g. urn:ietf:params:acme:error:dns
	Detail      string        `json:"detail"`
	Status      int           `json:"status,omitempty"`
	Identifier  string        `json:"identifier,omitempty"` // host it is about, for one of several
	Challenge   string        `json:"challenge,omitempty"`  // type of the challenge that failed
	Subproblems []Problem     `json:"subproblems,omitempty"`
	RetryAfter  time.Duration `json:"retry_after,omitempty"` // that the authority asks for
	Instance    string        `json:"instance,omitempty"`    // page where the account's owner has to do something
	Link        string        `json:"link,omitempty"`        // page that the response links to: new terms, or help
}

// named reports whether the problem has a type. "about:blank" is RFC 9457's name for none, and earlier versions
// kept it in their records.
func (p Problem) named() bool { return p.Type != "" && p.Type != "about:blank" }

// final reports whether asking for the same again will be refused again. orderNotReady is not: a CA says it to a second
// request to finalize an order, and a proxy that lost the answer to the first one causes the second.
func (p Problem) final() bool {
	switch {
	case p.Status == http.StatusTooManyRequests, p.Status == http.StatusRequestTimeout,
		strings.HasSuffix(p.Type, ":badNonce"), strings.HasSuffix(p.Type, ":orderNotReady"):
		return false
	}
	return 400 <= p.Status && p.Status < 500
}

func (p Problem) Error() string {
	var b strings.Builder
	if p.Challenge != "" {
		fmt.Fprintf(&b, "%s: ", p.Challenge)
	}
	switch {
	case p.named():
		fmt.Fprintf(&b, "%s: %s", strings.TrimPrefix(p.Type, "urn:ietf:params:acme:error:"), p.Detail)
	case p.Status != 0 && strings.HasPrefix(p.Detail, fmt.Sprint(p.Status)): // the status line, as earlier versions kept it
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

// Advice says what to do about a problem; empty for one that explains itself.
func (p Problem) Advice(host string) string {
	kind := strings.TrimPrefix(p.Type, "urn:ietf:params:acme:error:")
	switch {
	case kind == "dns":
		return "create an A or AAAA record for " + host + " that points to this server, and wait until it is seen everywhere"
	case kind == "connection" && p.Challenge == "tls-alpn-01", kind == "tls":
		return "let port 443 of " + host + " reach this server from the internet: firewall, port mapping, and DNS that points here and not to a CDN"
	case kind == "connection" && p.Challenge == "http-01":
		return "let port 80 of " + host + " reach this server from the internet: firewall, port mapping, and DNS that points here"
	case kind == "connection":
		return "let ports 80 and 443 of " + host + " reach this server from the internet"
	case kind == "unauthorized" && p.Challenge != "", kind == "incorrectResponse":
		return "something else answers for " + host + ": its DNS points to another server or to a CDN, or a proxy in front keeps " + challengePath + " to itself"
	case kind == "caa":
		return "the CAA records of " + host + " name another authority; add one for this authority"
	case kind == "rateLimited":
		return "nothing but time helps; try a setup on ACME_DIRECTORY=staging first, and keep ACME_CACHE across deployments"
	case kind == "externalAccountRequired":
		return "set ACME_EAB_KID and ACME_EAB_HMAC_KEY to what this authority gave you"
	case kind == "accountDoesNotExist":
		return "the account was removed there; a new one is made at the next try"
	case kind == "rejectedIdentifier":
		return "this authority does not issue for " + host + "; it must be a public name"
	case kind == "userActionRequired" && p.Instance != "":
		return "the authority waits for the account's owner: open " + p.Instance + " and do what it asks"
	case kind == "userActionRequired" && p.Link != "":
		return "the authority has new terms: read them at " + p.Link + " and agree to them as it says there"
	case kind == "userActionRequired":
		return "the authority has new terms, or paused this name; its message says what to do"
	case kind == "invalidProfile":
		return "set ACME_PROFILE to one that the authority's directory lists, or leave it out"
	case kind == "malformed" && strings.Contains(p.Detail, "external"), kind == "unauthorized":
		return "the authority does not accept this account: check ACME_EAB_KID and ACME_EAB_HMAC_KEY if it gave you any, or remove " + accountFile + " from ACME_CACHE to begin a new one"
	case !p.named() && p.Status != 0:
		return "the ACME server is down, or a proxy answers in its place: open its URL on this machine, e.g. with curl -v. " +
			"ACME_DIRECTORY is the server; HTTPS_PROXY and NO_PROXY say through which proxy it is reached"
	case kind == "serverInternal":
		return "the authority has a fault of its own; its status page may say more"
	}
	return ""
}

// isSetup says whether a problem is about the host and this machine, so that another authority would have it too.
func (p Problem) isSetup() bool {
	switch strings.TrimPrefix(p.Type, "urn:ietf:params:acme:error:") {
	case "dns", "caa", "rejectedIdentifier":
		return true
	}
	return p.Challenge != ""
}

// worst picks the problem that explains a failed attempt: a challenge's own before what followed from it. Where each
// kind of challenge failed, the last carries the others.
func worst(problems []Problem) *Problem {
	var failed []Problem
	for _, p := range problems {
		if p.Challenge != "" && (len(failed) == 0 || failed[len(failed)-1].Challenge != p.Challenge) {
			failed = append(failed, p)
		}
	}
	if len(failed) == 0 {
		failed = problems[max(0, len(problems)-1):]
	}
	if len(failed) == 0 {
		return nil
	}
	last := failed[len(failed)-1]
	last.Subproblems = append(slices.Clip(last.Subproblems), failed[:len(failed)-1]...)
	for _, p := range problems {
		last.RetryAfter = max(last.RetryAfter, p.RetryAfter)
	}
	return &last
}
