package cert

import (
	"cmp"
	"fmt"
	"net/netip"
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

const acmeErrors = "urn:ietf:params:acme:error:" // what the types of RFC 8555 §6.7 begin with

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
		fmt.Fprintf(&b, "%s: %s", strings.TrimPrefix(p.Type, acmeErrors), p.Detail)
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

// IsSetup reports whether the problem is about the host or this machine, so that another CA would find it too.
func (p Problem) IsSetup() bool {
	switch strings.TrimPrefix(p.Type, acmeErrors) {
	case "dns", "caa", "rejectedIdentifier":
		return true
	}
	return p.Challenge != ""
}

// IsAlreadyReplaced reports whether the CA refused an order because it has renewed the same certificate before (RFC 9773
// §5). It takes the order without that field.
func (p Problem) IsAlreadyReplaced() bool { return p.Type == acmeErrors+"alreadyReplaced" }

// Advice returns what to do about the problem. It is empty where the problem explains itself.
func (p Problem) Advice(host string) string {
	kind := strings.TrimPrefix(p.Type, acmeErrors)
	switch {
	case kind == "unauthorized" && p.Challenge != "":
		kind = "incorrectResponse"
	case kind == "malformed" && strings.Contains(p.Detail, "external"):
		kind = "unauthorized"
	case kind == "userActionRequired" && p.Instance != "":
		return "the CA waits for the account's owner: open " + p.Instance + " and do what it asks"
	case kind == "userActionRequired" && p.Link != "":
		return "the CA has new terms: read them at " + p.Link + " and agree to them as it says there"
	case !p.HasType() && p.Status != 0:
		kind = notACME
	}
	text := cmp.Or(advice[kind+" "+p.Challenge], advice[kind])
	if _, err := netip.ParseAddr(host); err == nil {
		text = cmp.Or(adviceForAddress[kind+" "+p.Challenge], adviceForAddress[kind], text)
	}
	return strings.ReplaceAll(text, "HOST", host)
}

const notACME = "not ACME" // in place of a type: another program answered

// advice is what to do about each type of problem, or about a type together with the challenge that failed.
var advice = map[string]string{
	"dns": "create an A or AAAA record for HOST that points to this server, and wait until it is seen everywhere",
	"tls": port443,

	"connection tls-alpn-01": port443,
	"connection http-01": "let port 80 of HOST reach this server from the internet: " +
		"firewall, port mapping, and DNS that points here",
	"connection": "let ports 80 and 443 of HOST reach this server from the internet",

	"incorrectResponse": "something else answers for HOST: its DNS points to another server or to a CDN, " +
		"or a proxy in front keeps /.well-known/acme-challenge/ to itself",
	"caa": "the CAA records of HOST name another CA; add one for this CA",
	"rateLimited": "wait until the CA allows it; try a new setup with ACME_DIRECTORY=staging, " +
		"and keep ACME_CACHE across deployments",
	"externalAccountRequired": "set ACME_EAB_KID and ACME_EAB_HMAC_KEY to what this CA gave you",
	"accountDoesNotExist":     "the account was removed there; a new one is made at the next try",
	"rejectedIdentifier":      "this CA does not issue for HOST; it must be a public name",
	"userActionRequired":      "the CA has new terms, or paused this name; its message says what to do",
	"invalidProfile":          "set ACME_PROFILE to one that the CA's directory lists, or leave it out",
	"unauthorized": "the CA does not accept this account: check ACME_EAB_KID and ACME_EAB_HMAC_KEY " +
		"if it gave you any, or remove account.key from ACME_CACHE to begin a new one",
	"serverInternal": "the CA itself failed; its status page may say more",

	notACME: "the ACME server is down, or a proxy answers in its place: open its URL on this machine, " +
		"e.g. with curl -v. ACME_DIRECTORY is the server; " +
		"HTTPS_PROXY and NO_PROXY say through which proxy it is reached",
}

const port443 = "let port 443 of HOST reach this server from the internet: " +
	"firewall, port mapping, and DNS that points here and not to a CDN"

const addressPort443 = "let port 443 of HOST reach this server from the internet: firewall and port mapping"

// adviceForAddress is what to do about problems that have another reason with an address than with a name.
var adviceForAddress = map[string]string{
	"tls":                    addressPort443,
	"connection tls-alpn-01": addressPort443,
	"connection http-01":     "let port 80 of HOST reach this server from the internet: firewall and port mapping",
	"incorrectResponse": "something else answers at HOST: the address is another machine's, or a proxy in front keeps " +
		"/.well-known/acme-challenge/ to itself",
	"rejectedIdentifier": "this CA does not issue for HOST; it must be an address of the internet",
	"unsupportedIdentifier": "this CA issues for names alone: list names, or remove ACME_DIRECTORY " +
		"to use Let's Encrypt, which issues for addresses too",
}
