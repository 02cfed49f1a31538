//go:build unix

package process

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// An edit in the middle of a build ends it. What runs here as go is a script, which is in the middle for as long as it
// takes.
func TestInterruptedBuildLeavesNothing(t *testing.T) {
	path, temp, bin := t.TempDir(), t.TempDir(), filepath.Join(t.TempDir(), "bin")
	const script = `#!/bin/sh
mkdir "${GOTMPDIR:-$TMPDIR}/go-build1" || exit
sleep 60 &
echo $! >"$STARTED.new" && mv "$STARTED.new" "$STARTED"
wait
`
	if err := os.WriteFile(filepath.Join(path, "go"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	started := filepath.Join(path, "started")
	t.Setenv("PATH", path+":"+os.Getenv("PATH"))
	t.Setenv("TMPDIR", temp)
	t.Setenv("GOTMPDIR", "")
	t.Setenv("STARTED", started)

	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- Go(ctx, bin, nil, io.Discard, "build") }()
	var text []byte
	eventually(t, "a compiler", func() (ok bool) {
		var err error
		text, err = os.ReadFile(started)
		return err == nil
	})
	compiler, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Kill(compiler, syscall.SIGKILL) })
	cancel()
	if err := <-ended; err == nil {
		t.Error("it was ended, and is said to be finished")
	}
	for _, dir := range []string{temp, bin} {
		files, err := os.ReadDir(dir)
		if err != nil || len(files) > 0 {
			t.Errorf("%s has %v, %v", dir, files, err)
		}
	}
	eventually(t, "the end of the compiler", func() bool { return gone(compiler) })
}

// Helpers

// gone says whether a process has ended. Where nobody collects orphans it stays in the list as a zombie.
func gone(pid int) bool {
	if syscall.Kill(pid, 0) != nil {
		return true
	}
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	return err == nil && strings.Contains(string(stat), ") Z ")
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("still waiting for %s", what)
		}
	}
}
