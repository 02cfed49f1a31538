package site

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
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
		if got, _ := parseIssue(value); got != want {
			t.Errorf("%q = %q, want %q", value, got, want)
		}
	}
	for _, value := range []string{"%%%", "-a.example", "a..b", "letsencrypt.org; a", "letsencrypt.org; a=b c", "letsencrypt.org; =x", "a\x1b"} {
		if got, _ := parseIssue(value); got != "" {
			t.Errorf("%q = %q, want none", value, got)
		}
	}
	if _, params := parseIssue("x.example; ValidationMethods=dns-01"); params["validationmethods"] != "dns-01" {
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
		if !caaTag.MatchString(record.Tag) {
			return
		}
		issuers := caaSet{records: []*dns.CAA{record}}.permit("issue")
		for name := range issuers {
			if name == "" || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789.-") != "" {
				t.Errorf("%q lets %q issue", data, name)
			}
		}
		if isIssue := strings.EqualFold(record.Tag, "issue"); isIssue && issuers == nil {
			t.Errorf("%q restricts no issuer", data)
		}
	})
}

func TestTargetsInManyNotations(t *testing.T) {
	for raw, want := range map[string]target{
		"https://example.com":      {host: "example.com", httpsPort: 443, httpPort: 80},
		"example.com":              {host: "example.com", httpsPort: 443, httpPort: 80},
		" EXAMPLE.com./ ":          {host: "example.com", httpsPort: 443, httpPort: 80},
		"https://bücher.example/":  {host: "xn--bcher-kva.example", httpsPort: 443, httpPort: 80},
		"example.com:8443":         {host: "example.com", httpsPort: 8443},
		"https://[2001:DB8::1]:44": {host: "2001:db8::1", addr: mustAddr("2001:db8::1"), httpsPort: 44},
		"2001:DB8::1":              {host: "2001:db8::1", addr: mustAddr("2001:db8::1"), httpsPort: 443, httpPort: 80},
		"203.0.113.7":              {host: "203.0.113.7", addr: mustAddr("203.0.113.7"), httpsPort: 443, httpPort: 80},
	} {
		if got, err := parseTarget(raw, 0); err != nil || got != want {
			t.Errorf("%q = %+v, %v, want %+v", raw, got, err, want)
		}
	}
	if got := (target{host: "::1", addr: mustAddr("::1"), httpsPort: 443, httpPort: 80}).at("http", "/").String(); got != "http://[::1]/" {
		t.Errorf("url = %s", got)
	}
}

func TestResolversComeFromResolvConf(t *testing.T) {
	file := filepath.Join(t.TempDir(), "resolv.conf")
	text := "# x\nnameserver 192.0.2.1\nsearch a.b\nnameserver fe80::1%eth0\noptions edns0\nnameserver 127.0.0.53\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	got, want := systemResolvers(file), []string{"192.0.2.1:53", "[fe80::1%eth0]:53", "127.0.0.53:53"}
	if !slices.Equal(got, want) || systemResolvers(file+".not") != nil {
		t.Errorf("%q, want %q", got, want)
	}
}
