package rig

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Clone clones the project, as it is committed, into an empty folder, and returns its path.
func Clone(t testing.TB) string {
	t.Helper()
	root, err := filepath.Abs(filepath.Join("..", "..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "shop")
	if out, err := exec.Command("git", "clone", "-q", root, dir).CombinedOutput(); err != nil {
		t.Fatalf("git clone: %v\n%s", err, out)
	}
	return dir
}

// Stranger is the environment of a user with an empty home, and extra, as "NAME=value". Go's caches are shared, so that
// no test depends on the network.
func Stranger(t testing.TB, home string, extra ...string) []string {
	t.Helper()
	env := append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + home}, extra...)
	for _, name := range []string{"GOMODCACHE", "GOCACHE", "GOPROXY", "GOSUMDB", "GOFLAGS", "GOTOOLCHAIN"} {
		env = append(env, name+"="+GoEnv(t, name))
	}
	return env
}

// GoEnv returns what go env prints for a name.
func GoEnv(t testing.TB, name string) string {
	t.Helper()
	value, err := exec.Command("go", "env", name).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(value))
}
