//go:build linux

package windows

import (
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"example.com/turnkey/e2e/rig"
)

// A developer lets this user's browsers trust the CA of the first site. Wine's certutil ends with 0 and does nothing, which
// trust must notice: it verifies with the store by crypt32, as browsers do. It must notice as well what another program
// did to CurrentUser\Root.
func trust(t *testing.T, w *wine, site string) {
	found, err := filepath.Glob(w.c("users", "*", "AppData", "Local", "turnkey", "root.pem"))
	if err != nil || len(found) != 1 {
		t.Fatalf("the roots in the users' folders: %v, %v", found, err)
	}
	says := func(want rig.Result, program string, args ...string) {
		t.Helper()
		got := w.run(t, site, nil, program, args...)
		// Each run has the store verify a new certificate, of which one in 128 is one that Wine refuses.
		for again := 0; again < 3 && want.ExitCode == 0 && got.ExitCode != 0; again++ {
			got = w.run(t, site, nil, program, args...)
		}
		if got.ExitCode != want.ExitCode || !strings.Contains(got.Stdout, want.Stdout) {
			t.Errorf("%s %v ended with %d, want %d and %q:\n%s%s", program, args, got.ExitCode, want.ExitCode, want.Stdout, got.Stdout, got.Stderr)
		}
	}
	says(rig.Result{ExitCode: 0, Stdout: `$ certutil.exe -user -addstore Root C:\users\`}, "trust", "-dry-run")
	refused := rig.Result{ExitCode: 1, Stdout: "the certificate was added, but the store does not accept it"}
	says(refused, "trust")
	for issuer := filepath.Join(filepath.Dir(found[0]), "issuer.pem"); !verifiable(t, issuer); {
		if err := os.Remove(issuer); err != nil {
			t.Fatal(err)
		}
		says(refused, "trust")           // makes another CA
		w.interrupt(t, w.serve(t, site)) // and this a certificate of it
	}
	if added := w.run(t, site, nil, "rootstore", z(found[0])); added.ExitCode != 0 {
		t.Fatalf("adding the root: %+v", added)
	}
	says(rig.Result{ExitCode: 0, Stdout: `✓ trusted      Chrome, Edge, Firefox, Go  CurrentUser\Root`}, "trust")
	says(rig.Result{ExitCode: 0, Stdout: `(CurrentUser\Root) trusts the CA`}, "doctor")
	says(rig.Result{ExitCode: 0, Stdout: `"status": "trusted"`}, "trust", "-json")
}

// Helpers

// verifiable reports whether Wine can verify the signatures of the certificates in a file. Wine 8 refuses those of which
// one of the two numbers begins with a zero byte.
func verifiable(t *testing.T, file string) bool {
	t.Helper()
	for block, rest := pem.Decode(rig.Read(t, file)); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		var signature struct{ R, S *big.Int }
		if _, err := asn1.Unmarshal(cert.Signature, &signature); err != nil {
			t.Fatal(err)
		}
		if min(signature.R.BitLen(), signature.S.BitLen()) <= 31*8 {
			return false
		}
	}
	return true
}
