package acme

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"example.com/turnkey/tlsconfig/chain/chaintest"
	"example.com/turnkey/tlsconfig/internal/store"
)

var write = chaintest.Write

func TestInspectReportsStoreReadableByOthers(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("files have no such modes there")
	}
	inspect := func(s Settings) string {
		_, notes := s.Inspect()
		return strings.Join(notes, "\n")
	}
	dir := t.TempDir()
	acme := Settings{Store: store.Config{Where: dir}, Directory: "https://ca.test/dir"}
	for mode, want := range map[uint32]string{0o700: "", 0o755: "", 0o777: "chmod 700", 0o770: "chmod 700"} {
		chmod(t, dir, mode)
		if got := inspect(acme); (got == "") != (want == "") || !strings.Contains(got, want) {
			t.Errorf("ACME_CACHE with mode %04o: %q, want %q", mode, got, want)
		}
	}
	chmod(t, dir, 0o700)
	write(t, filepath.Join(dir, "account.key"), []byte("key"))
	chmod(t, filepath.Join(dir, "account.key"), 0o644)
	if got := inspect(acme); !strings.Contains(got, "account.key") || !strings.Contains(got, "chmod") {
		t.Errorf("a key in ACME_CACHE that others can read: %q", got)
	}
}

func TestRootsOfTheACMEServerAreReadStrictly(t *testing.T) {
	t.Parallel()
	a := chaintest.New(t, "a.test")
	good, _ := a.Good()
	file := filepath.Join(t.TempDir(), "ca.pem")
	for _, test := range []struct {
		name string
		data []byte
		want string // words of the fault; empty: none
	}{
		{"a byte order mark", slices.Concat([]byte("\xef\xbb\xbf"), good), ""},
		{"the second one cut off", good[:len(good)-40], "block 2 cannot be read: it is cut off"},
		{"a TRUSTED CERTIFICATE", bytes.ReplaceAll(good, []byte(" CERT"), []byte(" TRUSTED CERT")), "openssl x509 -in"},
		{"empty", nil, "no PEM certificate"},
	} {
		write(t, file, test.data)
		faults := Settings{Domains: []string{"a.test"}, Directory: "https://ca.test/dir", CAFile: file,
			Store: store.Config{Where: t.TempDir()}}.Check()
		if test.want == "" && len(faults) > 0 || test.want != "" &&
			(len(faults) != 1 || faults[0].Setting != "ACME_CA_FILE" ||
				!strings.Contains(faults[0].Problem, test.want)) {
			t.Errorf("%s: got %v, want %q", test.name, faults, test.want)
		}
	}
}

func chmod(t *testing.T, file string, mode uint32) {
	t.Helper()
	if err := os.Chmod(file, os.FileMode(mode)); err != nil {
		t.Fatal(err)
	}
}
