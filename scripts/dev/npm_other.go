//go:build !unix

package main

import (
	"os/exec"
	"strconv"
)

func npm(args ...string) *exec.Cmd { return exec.Command("npm", args...) }

// endTree ends npm with all that it has started. Windows has no process groups for that.
func endTree(cmd *exec.Cmd) {
	exec.Command("taskkill", "/T", "/F", "/PID", strconv.Itoa(cmd.Process.Pid)).Run()
}
