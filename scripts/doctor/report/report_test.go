package report

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"
)

func TestReportIsCompleteWithoutColour(t *testing.T) {
	for _, test := range []struct {
		found []Finding
		want  []string
	}{
		{[]Finding{finding("machine", "clock", OK, "it says noon", "")},
			[]string{"\n  this machine, ", "\n  Machine\n  ✓ ok     clock        it says noon\n", "Nothing is wrong.\n"}},
		{[]Finding{finding("certificate", "key", Wrong, "others can read it", "chmod 600 key")},
			[]string{
				"✗ wrong  key          others can read it\n                        ➜ chmod 600 key\n",
				"One thing is wrong; the line with ➜ below it fixes it.\n",
			}},
		{[]Finding{finding("dns", "a", Wrong, "x", "y"), finding("dns", "caa", Wrong, "x", "y")},
			[]string{"2 things are wrong; begin with the first.\n"}},
		{[]Finding{finding("dns", "reach", Warn, "x", "y"), finding("names", "hsts", Note, "worth knowing", "")},
			[]string{"\n  DNS\n  ! warn   reach ", "\n  Names\n  ·        hsts         worth knowing\n", "Nothing is wrong; one warning.\n"}},
	} {
		var out bytes.Buffer
		if err := Of(test.found, time.Now()).Text(&out, false); err != nil {
			t.Fatal(err)
		}
		for _, want := range test.want {
			if !strings.Contains(out.String(), want) {
				t.Errorf("no %q in:\n%s", want, out.String())
			}
		}
		if strings.Contains(out.String(), "\x1b") {
			t.Errorf("colour in:\n%q", out.String())
		}
	}
}

func TestColourMarksOnlyTheState(t *testing.T) {
	var out bytes.Buffer
	r := Report{URL: "https://x", Checks: []Finding{{"dns", "a", Wrong, "found", "fix"}}}
	err := r.Text(&out, true)
	if got := out.String(); err != nil || !strings.Contains(got, "\x1b[31m✗ wrong\x1b[0m  a ") || !strings.Contains(got, "\n  https://x\n") {
		t.Errorf("%v: %q", err, got)
	}
}

// A monitor relies on these fields, for a site and for this machine.
func TestBothReportsHaveOneShape(t *testing.T) {
	machine := Of([]Finding{finding("stores", "store", Note, "x", "")}, time.Now())
	site := Of([]Finding{finding("dns", "a", Wrong, "x", "y")}, time.Now())
	site.URL, site.Addresses, site.Certificate = "https://x", []string{}, &Certificate{Names: []string{}}
	for _, test := range []struct {
		report Report
		want   []string
	}{
		{machine, []string{"checks", "go", "ok", "system", "time"}},
		{site, []string{"addresses", "certificate", "checks", "go", "ok", "system", "time", "url"}},
	} {
		var out bytes.Buffer
		var got map[string]any
		if err := test.report.JSON(&out); err != nil || json.Unmarshal(out.Bytes(), &got) != nil {
			t.Fatalf("%v: %s", err, out.String())
		}
		if fields := slices.Sorted(maps.Keys(got)); !slices.Equal(fields, test.want) {
			t.Errorf("fields %q, want %q", fields, test.want)
		}
		check := got["checks"].([]any)[0].(map[string]any)
		for _, field := range []string{"group", "check", "status", "found"} {
			if text, ok := check[field].(string); !ok || text == "" {
				t.Errorf("%s = %v in %v", field, check[field], check)
			}
		}
	}
	if !machine.OK || site.OK {
		t.Errorf("ok is %t with a note and %t with a fault", machine.OK, site.OK)
	}
}

func TestEveryFindingIsEscaped(t *testing.T) {
	if f := finding("dns", "x", Wrong, "\x1b[2J", "\x1b[2J"); f.Found != `\x1b[2J` || f.Fix != `\x1b[2J` {
		t.Errorf("%+v", f)
	}
}

func TestTheHomeDirectoryIsNotShown(t *testing.T) {
	r := Of([]Finding{finding("certificate", "ca", Wrong, "nothing in /home/ann/ca", "ls /home/ann/ca")}, time.Now())
	r.Redact("/home/ann")
	if f := r.Checks[0]; f.Found != "nothing in ~/ca" || f.Fix != "ls ~/ca" {
		t.Errorf("%+v", f)
	}
}

func FuzzPrintable(f *testing.F) {
	for _, s := range []string{"plain", "\x1b[2J", "\u202e", "\x80\x80", strings.Repeat("\x80", 700), strings.Repeat("ü", 400), "\ufffd"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := escape(s, longest)
		for _, r := range got {
			if !unicode.IsPrint(r) {
				t.Errorf("%q became %q", s, got)
			}
		}
		if !utf8.ValidString(got) || escape(Part(s), longest) != Part(s) && len(Part(s)) <= longest {
			t.Errorf("%q became %q", s, got)
		}
	})
}

func finding(group, name string, state State, found, fix string) Finding {
	s := Section{Group: group}
	s.add(name, state, found, fix)
	return s.Found[0]
}
