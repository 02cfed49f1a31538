package clientca

import (
	"encoding/pem"
	"log/slog"
	"path/filepath"
	"testing"

	"example.com/turnkey/tlsconfig/chain/chaintest"
)

var write = chaintest.Write

// ca makes a CA's certificate.
func ca(t *testing.T) []byte {
	t.Helper()
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: chaintest.New(t).Root.Raw})
}

// A file that is still being written would give a shorter list of CAs.
func TestClientCAsAreLoadedAfterTwoEqualReads(t *testing.T) {
	t.Parallel()
	oldCA := ca(t)
	newCA := ca(t)
	file := filepath.Join(t.TempDir(), "clients.pem")
	write(t, file, oldCA)
	c, err := Open(file, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	before := c.pool.Load()
	write(t, file, newCA)
	c.look(false)
	if c.pool.Load() != before {
		t.Error("taken up at the first look")
	}
	c.look(false)
	if c.pool.Load() == before {
		t.Error("not taken up at the second")
	}
}
