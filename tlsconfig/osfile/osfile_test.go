package osfile_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"example.com/turnkey/tlsconfig/osfile"
)

func TestWriteReplacesAFileAndLeavesNothingBeside(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "key.pem")
	for _, text := range []string{"old and longer", "new"} {
		if err := osfile.Write(path, []byte(text), 0o640); err != nil {
			t.Fatal(err)
		}
		if data, err := os.ReadFile(path); err != nil || string(data) != text {
			t.Errorf("the file holds %q (%v), want %q", data, err, text)
		}
	}
	if mode, ok := osfile.Mode(path); runtime.GOOS != "windows" && (!ok || mode != 0o640) {
		t.Errorf("the mode is %v, want 0640", mode)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("the directory holds %v (%v), want the file alone", entries, err)
	}
}

func TestCauseHasNoPath(t *testing.T) {
	t.Parallel()
	_, err := os.ReadFile(filepath.Join(t.TempDir(), "secret-name"))
	cause := osfile.Cause(err)
	if !errors.Is(cause, fs.ErrNotExist) || cause.Error() == err.Error() {
		t.Errorf("got %v of %v", cause, err)
	}
	if other := errors.New("other"); osfile.Cause(other) != other {
		t.Error("an error without a path is changed")
	}
}
