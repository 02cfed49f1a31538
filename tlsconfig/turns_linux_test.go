package tlsconfig

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// On a file system without locks no turn could be taken, and a repeated job would wait for ever.
func TestTurnsNeedAFileSystemWithLocks(t *testing.T) {
	if dir := os.Getenv("TURNS_DIR"); dir != "" { // this test, run by itself
		fmt.Println(Options{CacheDir: dir}.Turns().Check())
		return
	}
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skip(err)
	}
	dir := t.TempDir()
	if got := (Options{CacheDir: dir}).Turns().Check(); len(got) > 0 {
		t.Errorf("on a disk: %v", got)
	}
	cmd := exec.Command(strace, "-f", "-qq", "-o", "/dev/null", "-e", "inject=flock:error=ENOLCK",
		os.Args[0], "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), "TURNS_DIR="+dir)
	got, err := cmd.CombinedOutput()
	if !strings.Contains(string(got), "PASS") {
		t.Skipf("strace: %v\n%s", err, got)
	}
	for _, want := range []string{"ACME_CACHE", dir, "has no locks (no locks available)", "server.Once"} {
		if !strings.Contains(string(got), want) {
			t.Errorf("it says\n%s, want %q", got, want)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("it leaves %v, %v", left, err)
	}
}
