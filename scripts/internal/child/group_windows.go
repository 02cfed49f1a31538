package child

import "syscall"

// group returns the attributes of a process group of the child's own.
func group(syscall.Signal) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{CreationFlags: syscall.CREATE_NEW_PROCESS_GROUP}
}
