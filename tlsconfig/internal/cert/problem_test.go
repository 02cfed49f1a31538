package cert

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestEveryCommonProblemHasAdvice(t *testing.T) {
	t.Parallel()
	for kind, words := range map[string]string{
		"dns": "A or AAAA", "connection": "ports 80 and 443", "caa": "CAA", "rateLimited": "staging", "externalAccountRequired": "ACME_EAB_KID", "rejectedIdentifier": "public name",
	} {
		p := Problem{Type: "urn:ietf:params:acme:error:" + kind}
		if got := p.Advice("shop.test"); !strings.Contains(got, words) {
			t.Errorf("%s: %q does not say %q", kind, got, words)
		}
	}
}

// An address has no DNS record that could be wrong.
func TestAdviceForAnAddressIsNotAboutDNS(t *testing.T) {
	t.Parallel()
	for _, p := range []Problem{
		{Type: "urn:ietf:params:acme:error:connection", Challenge: "http-01"},
		{Type: "urn:ietf:params:acme:error:connection", Challenge: "tls-alpn-01"},
		{Type: "urn:ietf:params:acme:error:unauthorized", Challenge: "http-01"},
		{Type: "urn:ietf:params:acme:error:rejectedIdentifier"},
	} {
		if got := p.Advice("2001:db8::1"); !strings.Contains(got, "2001:db8::1") || strings.Contains(got, "DNS") ||
			strings.Contains(got, "name") {
			t.Errorf("%s %s: %q", p.Type, p.Challenge, got)
		}
	}
	names := Problem{Type: "urn:ietf:params:acme:error:unsupportedIdentifier"}
	if got := names.Advice("192.0.2.1"); !strings.Contains(got, "list names") {
		t.Errorf("an authority that issues for names alone: %q", got)
	}
}

// If Let's Encrypt's staging is down, production must not wait for it.
func TestUnavailableStagingDoesNotStopProduction(t *testing.T) {
	t.Parallel()
	for _, p := range []Problem{{Type: "urn:ietf:params:acme:error:serverInternal"},
		{Type: "urn:ietf:params:acme:error:rateLimited"}, {Type: "about:blank"}} {
		if p.IsSetup() {
			t.Errorf("%s counts as a fault of the set-up", p.Type)
		}
	}
	for _, p := range []Problem{{Type: "urn:ietf:params:acme:error:dns"},
		{Type: "urn:ietf:params:acme:error:connection", Challenge: "http-01"}} {
		if !p.IsSetup() {
			t.Errorf("%s does not count as a fault of the set-up", p.Type)
		}
	}
}

// Records of earlier versions have the type about:blank, with the status line or a Go error as detail.
func TestRecordsOfEarlierVersionsAreDescribed(t *testing.T) {
	t.Parallel()
	for stored, want := range map[string]string{
		`{"type":"about:blank","detail":"503 Service Unavailable","status":503}`:                                   "the ACME server, or a proxy in front of it, answered 503 Service Unavailable",
		`{"type":"about:blank","detail":"dial tcp 192.0.2.7:443: connect: connection refused"}`:                    "dial tcp 192.0.2.7:443: connect: connection refused",
		`{"type":"urn:ietf:params:acme:error:dns","detail":"no such name","status":400}`:                           "dns: no such name",
		`{"type":"x","detail":"y","subproblems":[{"type":"about:blank","detail":"502 Bad Gateway","status":502}]}`: "x: y; the ACME server, or a proxy in front of it, answered 502 Bad Gateway",
	} {
		var p Problem
		if err := json.Unmarshal([]byte(stored), &p); err != nil {
			t.Fatal(err)
		}
		if got := p.Error(); got != want {
			t.Errorf("%s: got %q, want %q", stored, got, want)
		}
	}
}
