package setting_test

import (
	"strings"
	"testing"

	"example.com/turnkey/tlsconfig/setting"
)

func TestRedactedShowsNoPassword(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{
		"redis://user:hush@db.test:6379/0":   "redis://…@db.test:6379/0",
		"redis://:hush/hush@db.test":         "redis://…@db.test",
		"rediss://:hush#hush@[2001:db8::1]":  "rediss://…@[2001:db8::1]",
		"redis://:hush@hush/hush":            "redis://…",
		"redis:hush":                         "redis:…",
		"user:hush@db.test":                  "…",
		"https://ca.test/directory":          "https://ca.test/directory",
		"redis://db.test:6379/0":             "redis://db.test:6379/0",
		"mailto:owner@example.test":          "mailto:owner@example.test",
		"certs/acme":                         "certs/acme",
		"https://user:hush@ca.test/hush?x=y": "https://…",
	} {
		if got := setting.Redacted(value); got != want || strings.Contains(got, "hush") {
			t.Errorf("%q is shown as %q, want %q", value, got, want)
		}
	}
}

func TestAFaultNamesSettingValueAndFix(t *testing.T) {
	t.Parallel()
	f := setting.Fault{Setting: "DOMAINS", Value: "*.a.test", Problem: "is a wildcard", Fix: "list each host"}
	if got, want := f.Error(), `DOMAINS="*.a.test": is a wildcard (fix: list each host)`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	f.Value = ""
	if got, want := f.Error(), `DOMAINS: is a wildcard (fix: list each host)`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
