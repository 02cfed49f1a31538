//go:build unix

package store

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The site's own files may be below the store, in a folder that other users cannot enter.
func TestExposedFilesAreThoseThatOthersReach(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for folder, mode := range map[string]os.FileMode{"data": 0o700, "open": 0o755} {
		path := filepath.Join(dir, folder)
		if err := os.Mkdir(path, mode); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(path, "file"), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	notes := Config{Where: dir}.Notes()
	if len(notes) != 1 || !strings.Contains(notes[0], filepath.Join("open", "file")+" has mode 0644") {
		t.Errorf("got %q", notes)
	}
}
