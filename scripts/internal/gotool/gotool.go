// Package gotool runs the go command so that nothing of it stays when it is ended: go catches no signal while it
// builds, so its compilers would work on, and its temporary directory would be there for good.
package gotool

import (
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// Run runs go with args, and with env beside this program's environment. What it works with is below dir, which is
// made: beside what is built, so that go moves what it linked and need not copy it. When ctx ends, so do go and all it
// has started, at once.
func Run(ctx context.Context, dir string, env []string, out io.Writer, args ...string) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	work, err := os.MkdirTemp(dir, ".build-") // with a dot it is no package's name
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Env = append(append(os.Environ(), "GOTMPDIR="+work), env...)
	cmd.Stdout, cmd.Stderr = out, out
	together(cmd)
	cmd.WaitDelay = time.Second
	return cmd.Run()
}
