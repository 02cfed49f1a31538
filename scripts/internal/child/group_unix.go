//go:build unix && !linux

package child

import "syscall"

// group returns the attributes of a process group of the child's own.
func group(syscall.Signal) *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
