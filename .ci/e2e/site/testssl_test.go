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

// harmless is what comes of the test and not of the product.
var harmless = map[string]string{
	"cert_revocation": "Pebble's certificates name neither CRL nor OCSP; an authority that is trusted names one",
	"engine_problem":  "the system's OpenSSL knows no GOST ciphers, so they are not asked for",
}

// TLS as testssl.sh sees it: protocols, ciphers, the chain, its headers, every weakness that has a name, and what
// browsers old and new agree on.
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
	if err := json.Unmarshal(rig.Read(t, report), &findings); err != nil {
		t.Fatalf("testssl: %v\n%s%s", err, got.Stdout, got.Stderr)
	}
	ids, count, above := []string{}, map[string]int{}, 0
	for _, f := range findings {
		ids = append(ids, f.ID)
		said := fmt.Sprintf("%s is %s: %s", f.ID, f.Severity, f.Finding)
		if why := harmless[f.ID]; why != "" {
			t.Logf("%s (%s)", said, why)
			continue
		}
		count[f.Severity]++
		switch f.Severity {
		case "OK", "INFO":
		case "LOW":
			t.Log(said)
		default:
			above++
			t.Error(said)
		}
	}
	for _, id := range []string{"TLS1_3", "cert_chain_of_trust", "HSTS_time", "heartbleed", "LUCKY13", "clientsimulation-openssl_303"} {
		if !slices.Contains(ids, id) {
			t.Errorf("%s was not looked at; testssl ended with %d\n%s%s", id, got.ExitCode, got.Stdout, got.Stderr)
		}
	}
	row(t, "testssl.sh", fmt.Sprintf("%d checks good, %d findings low, %d above", count["OK"], count["LOW"], above), "none above low")
}
