package process

import (
	"os"
	"syscall"
)

func group(syscall.Signal) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{CreationFlags: syscall.CREATE_NEW_PROCESS_GROUP}
}

// killGroup kills the process alone. Those that it started end by themselves.
func killGroup(p *os.Process) error { return p.Kill() }
