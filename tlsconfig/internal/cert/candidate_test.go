package cert

import (
	"crypto/tls"
	"crypto/x509"
	"testing"
	"time"
)

// The server uses the last good certificate until there is a better one. The path counts, not only the dates.
func TestWhichCertificateIsBetter(t *testing.T) {
	t.Parallel()
	now := time.Now()
	until := func(d time.Duration, lacks string, broken bool) Candidate {
		leaf := &x509.Certificate{NotBefore: now.Add(-1000 * time.Hour), NotAfter: now.Add(d)}
		return Candidate{&tls.Certificate{Leaf: leaf}, lacks, broken}
	}
	for _, test := range []struct {
		name     string
		new, old Candidate
		want     bool
	}{
		{"anything for nothing", until(time.Hour, "a path", true), Candidate{}, true},
		{"a renewal", until(2*time.Hour, "", false), until(time.Hour, "", false), true},
		{"the same again", until(time.Hour, "", false), until(time.Hour, "", false), false},
		{"a leaf alone for a whole one", until(2*time.Hour, "alone", false), until(time.Hour, "", false), false},
		{"a leaf alone for another", until(2*time.Hour, "alone", false), until(time.Hour, "alone", false), true},
		{"a broken path for a leaf alone", until(2*time.Hour, "path", true), until(time.Hour, "alone", false), false},
		{"a broken path for an expired one", until(2*time.Hour, "path", true), until(-time.Hour, "", false), true},
		{"a whole one for the same leaf alone", until(time.Hour, "", false), until(time.Hour, "alone", false), true},
		{"an expired one", until(-time.Hour, "", false), until(-2*time.Hour, "", false), false},
	} {
		if got := test.new.Replaces(test.old, now); got != test.want {
			t.Errorf("%s: %v, want %v", test.name, got, test.want)
		}
	}
}

// A renewal that ends sooner than the old certificate is used, unless its order is older or clients cannot verify it as
// well.
func TestARenewalMayEndSooner(t *testing.T) {
	t.Parallel()
	now := time.Now()
	issued := func(ago, left time.Duration, lacks string) Candidate {
		return Candidate{&tls.Certificate{Leaf: &x509.Certificate{NotBefore: now.Add(-ago), NotAfter: now.Add(left)}},
			lacks, false}
	}
	old := issued(2*time.Hour, 2*time.Hour, "")
	for _, test := range []struct {
		name       string
		new        Candidate
		orderedNow bool
		want       bool
	}{
		{"it ends later", issued(time.Hour, 3*time.Hour, ""), false, true},
		{"it ends sooner", issued(time.Hour, time.Hour, ""), true, true},
		{"it ends sooner, and came at a later attempt", issued(time.Hour, time.Hour, ""), false, true},
		{"it has the same dates", issued(2*time.Hour, 2*time.Hour, ""), true, true},
		{"it is of an older order", issued(3*time.Hour, time.Hour, ""), false, false},
		{"it is a leaf alone", issued(time.Hour, 3*time.Hour, "alone"), true, false},
		{"it has expired", issued(time.Hour, -time.Minute, ""), true, false},
	} {
		if got := test.new.Renews(old, test.orderedNow, now); got != test.want {
			t.Errorf("%s: %v, want %v", test.name, got, test.want)
		}
	}
	if first := issued(time.Hour, time.Hour, ""); !first.Renews(Candidate{}, true, now) {
		t.Error("the first certificate is not served")
	}
}
