//go:build unix

package main

import (
	"os/exec"
	"syscall"
)

// untilEOF ends npm with all that it has started once the standard input ends, as it does even when this program is
// killed. npm, its shell and Vite do not look at it, and pass no signal on.
const untilEOF = `(npm "$@"; kill 0) & read -r end; kill 0`

// npm returns the command in a process group of its own.
func npm(args ...string) *exec.Cmd {
	cmd := exec.Command("sh", append([]string{"-c", untilEOF, "npm"}, args...)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return cmd
}

// endTree ends what npm has started.
func endTree(cmd *exec.Cmd) { syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
