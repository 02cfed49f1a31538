// Package projecttest helps tests of scripts: it makes small projects, and keeps what a program writes.
package projecttest

import (
	"bytes"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// isolate keeps git, also where the program under test runs it, from the user's configuration and from repositories
// around the temporary folders.
var isolate = sync.OnceFunc(func() {
	for name, value := range map[string]string{
		"GIT_CEILING_DIRECTORIES": os.TempDir(), "GIT_CONFIG_GLOBAL": os.DevNull, "GIT_CONFIG_NOSYSTEM": "1",
		"GIT_AUTHOR_NAME": "Ann", "GIT_AUTHOR_EMAIL": "ann@example.com",
		"GIT_COMMITTER_NAME": "Ann", "GIT_COMMITTER_EMAIL": "ann@example.com",
		"GIT_CONFIG_COUNT": "2", "GIT_CONFIG_KEY_0": "maintenance.auto", "GIT_CONFIG_VALUE_0": "false",
		"GIT_CONFIG_KEY_1": "fetch.unpackLimit", "GIT_CONFIG_VALUE_1": "1", // a pack, in place of many files
	} {
		os.Setenv(name, value)
	}
})

// New returns a new folder with these files.
func New(t testing.TB, files map[string]string) string {
	t.Helper()
	isolate()
	dir := t.TempDir()
	for name, text := range files {
		Write(t, dir, name, text)
	}
	return dir
}

// Write writes a file. A script gets the right to run.
func Write(t testing.TB, dir, name, text string) {
	t.Helper()
	file := filepath.Join(dir, filepath.FromSlash(name))
	mode := fs.FileMode(0o644)
	if strings.HasSuffix(name, ".sh") {
		mode = 0o755
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}

// Git runs git in dir without the configuration of the user, and returns what it prints. It must succeed.
func Git(t testing.TB, dir string, args ...string) string {
	t.Helper()
	isolate()
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %q: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// Commit commits everything in dir, which becomes a repository if it is none.
func Commit(t testing.TB, dir, message string) {
	t.Helper()
	if _, err := os.Stat(filepath.Join(dir, ".git")); err != nil {
		Git(t, dir, "init", "-q", "-b", "main", "--template=")
	}
	Git(t, dir, "add", "-A")
	Git(t, dir, "commit", "-qm", message)
}

// Snapshot returns the text of every file but git's own.
func Snapshot(t testing.TB, dir string) map[string]string {
	t.Helper()
	return Read(t, dir, ".git")
}

// Read returns the text of every file, but of those in folders that are named skip.
func Read(t testing.TB, dir, skip string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.Name() == skip {
			return fs.SkipDir
		}
		if d.IsDir() {
			return nil
		}
		text, err := os.ReadFile(file)
		rel, _ := filepath.Rel(dir, file)
		out[filepath.ToSlash(rel)] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// Same reports each file that is not as it should be.
func Same(t testing.TB, want, got map[string]string) {
	t.Helper()
	for name, text := range want {
		if was, there := got[name]; !there || was != text {
			t.Errorf("%s is %q (%t), want %q", name, was, there, text)
		}
	}
	for name := range got {
		if _, wanted := want[name]; !wanted {
			t.Errorf("%s is there too", name)
		}
	}
}

// Buffer is written by one goroutine, or process, and read by another.
type Buffer struct {
	mu   sync.Mutex
	data bytes.Buffer
}

func (b *Buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.data.Write(p)
}

func (b *Buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.data.String()
}
