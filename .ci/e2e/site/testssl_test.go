package site

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"example.com/turnkey/e2e/rig"
)

// accounted are the findings that are accepted, with the reason.
var accounted = map[string]string{
	// These come from crypto/tls's defaults, which Go keeps current. A list of our own would grow old.
	"LOW cipherlist_AVERAGE": "AES-CBC with SHA-1 comes last, for clients that know nothing better",
	"LOW LUCKY13":            "the same; crypto/tls has countermeasures for these",
	"LOW TLS_session_ticket": "crypto/tls says a week; the keys that seal tickets change every twelve hours, and are gone after a day",
	// These come from the test's set-up.
	"HIGH cert_revocation": "Pebble's certificates name neither CRL nor OCSP; an authority that is trusted names one",
	"WARN engine_problem":  "the system's OpenSSL knows no GOST ciphers, so they are not asked for",
}

// testssl.sh checks protocols, ciphers, the chain, headers, every known weakness, and what old and new browsers
// negotiate.
func TestTLSHasNoKnownWeakness(t *testing.T) {
	t.Parallel()
	s := serve(t)
	report := filepath.Join(t.TempDir(), "report.json")
	got := rig.Spawn(t, rig.Command{
		Path: must(t, "testssl", "testssl.sh"), Env: []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "TERM=dumb"},
		Args: []string{
			"--ip", "127.0.0.1", "--nodns", "none", "--add-ca", s.root, "--warnings", "off", "--color", "0", "--quiet", "--jsonfile", report,
			fmt.Sprintf("%s:%d", shop, s.https),
		},
	}).Finish(t, 8*time.Minute)
	var findings []struct{ ID, Severity, Finding string }
	data, err := os.ReadFile(report)
	if err == nil {
		err = json.Unmarshal(data, &findings)
	}
	if err != nil {
		t.Fatalf("testssl made no report: %v\n%s%s", err, got.Stdout, got.Stderr)
	}
	ids, good, low, others := []string{}, 0, 0, 0
	for _, f := range findings {
		ids = append(ids, f.ID)
		why := accounted[f.Severity+" "+f.ID]
		switch {
		case f.Severity == "OK":
			good++
		case f.Severity == "INFO":
		case why == "":
			others++
			t.Errorf("%s is %s: %s", f.ID, f.Severity, f.Finding)
		default:
			if f.Severity == "LOW" {
				low++
			}
			t.Logf("%s is %s: %s: %s", f.ID, f.Severity, f.Finding, why)
		}
	}
	for _, id := range []string{"TLS1_3", "cert_chain_of_trust", "HSTS_time", "heartbleed", "LUCKY13", "clientsimulation-openssl_303"} {
		if !slices.Contains(ids, id) {
			t.Errorf("%s was not looked at; testssl ended with %d\n%s%s", id, got.ExitCode, got.Stdout, got.Stderr)
		}
	}
	row(t, "testssl.sh", fmt.Sprintf("%d checks good, %d low findings of crypto/tls's own, %d others", good, low, others), "no others")
}
