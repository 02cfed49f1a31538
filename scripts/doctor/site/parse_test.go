package site

import (
	"encoding/binary"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

func TestHSTSAsBrowsersReadIt(t *testing.T) {
	for value, want := range map[string]hstsPolicy{
		"max-age=31536000":                               {maxAge: 365 * day},
		`MAX-AGE="600" ; includeSubDomains;;preload`:     {maxAge: 10 * time.Minute, subdomains: true, preload: true},
		"max-age=0; unknown=1":                           {},
		"max-age=99999999999999999999999999999999999999": {maxAge: hundredYears * time.Second},
	} {
		if got, err := parseHSTS(value); err != nil || got != want {
			t.Errorf("%q = %+v, %v, want %+v", value, got, err, want)
		}
	}
	for _, value := range []string{"", "includeSubDomains", "max-age", "max-age=", "max-age=-1", "max-age=1y", "max-age=1;max-age=2", `max-age="`, "max-age=1, max-age=2"} {
		if got, err := parseHSTS(value); err == nil {
			t.Errorf("%q = %+v, want an error", value, got)
		}
	}
}

func TestIssuersAsAuthoritiesReadThem(t *testing.T) {
	for value, want := range map[string]string{
		"letsencrypt.org": "letsencrypt.org", " LetsEncrypt.ORG ; validationmethods=http-01 ; accounturi=https://x/1 ": "letsencrypt.org", ";": "", "": "", "a-b.example;": "a-b.example",
	} {
		if got, _, err := parseIssue(value); err != nil || got != want {
			t.Errorf("%q = %q, %v, want %q", value, got, err, want)
		}
	}
	for _, value := range []string{"%%%", "-a.example", "a..b", "letsencrypt.org; a", "letsencrypt.org; a=b c", "letsencrypt.org; =x", "a\x1b"} {
		if got, _, err := parseIssue(value); err == nil || got != "" {
			t.Errorf("%q = %q, want an error", value, got)
		}
	}
	if _, params, _ := parseIssue("x.example; ValidationMethods=dns-01"); params["validationmethods"] != "dns-01" {
		t.Errorf("params = %v", params)
	}
}

func FuzzHSTS(f *testing.F) {
	for _, s := range []string{"max-age=31536000; includeSubDomains; preload", `max-age="1"`, "max-age=99999999999999999999", ";;=;"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, value string) {
		p, err := parseHSTS(value)
		if p.maxAge < 0 || err != nil && p != (hstsPolicy{}) || err == nil && !strings.Contains(strings.ToLower(value), "max-age") {
			t.Errorf("%q = %+v, %v", value, p, err)
		}
	})
}

func FuzzCAA(f *testing.F) {
	for _, s := range []string{caa(0, "issue", "letsencrypt.org"), caa(128, "issuewild", ";"), caa(0, "issue", "a; b=c; validationmethods=x,y"), "", "\x00\xff"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		// A record of the root name, as DNS sends it: name, type 257, class, time to live, length, data.
		wire := append(binary.BigEndian.AppendUint16([]byte{0, 1, 1, 0, 1, 0, 0, 0, 0}, uint16(len(data))), data...)
		rr, _, err := dns.UnpackRR(wire, 0)
		record, ok := rr.(*dns.CAA)
		if err != nil || !ok {
			return
		}
		r, err := parseCAA(record)
		if err != nil {
			return
		}
		p := caaSet{records: []caaRecord{r}}.permit(false)
		for _, name := range p.issuers {
			if name == "" || strings.ContainsFunc(name, func(c rune) bool { return notAlphanumeric(c) && c != '.' && c != '-' }) {
				t.Errorf("%q lets %q issue", data, name)
			}
		}
		if len(p.issuers) > 0 && !p.restricted {
			t.Errorf("%q restricts nobody, and names %q", data, p.issuers)
		}
	})
}
