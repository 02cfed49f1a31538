// Package gotool runs the go command so that nothing stays when it is stopped. The go command catches no signal while
// it builds: its compilers would go on, and its temporary directory would stay.
package gotool

import (
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// Run runs go with args, and with env besides this program's environment. Its work directory is below dir, which is
// made: there go can move the linked binary instead of copying it. When ctx ends, go and all processes that it started
// end at once.
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
