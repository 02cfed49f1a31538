// Package testcert writes certificate files for the tests of a whole site.
package testcert

import (
	"encoding/pem"
	"os"
	"path/filepath"
	"testing"

	"example.com/turnkey/tlsconfig/chain/chaintest"
	"example.com/turnkey/tlsconfig/osfile"
)

// Write puts cert.pem, key.pem and ca.pem into dir: a certificate for names, its key, and the root for clients. The
// CA is not the development CA, which production refuses. A second call issues anew from another CA, as a renewal
// elsewhere does. Each file is replaced whole, because a running site may be reading it.
func Write(t testing.TB, dir string, names ...string) {
	t.Helper()
	ca := chaintest.New(t, names...)
	cert, key := ca.Good()
	root := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca.Root.Raw})
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{"key.pem": key, "cert.pem": cert, "ca.pem": root} {
		if err := osfile.Write(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
