package child

import "syscall"

// group returns the attributes of a process group of the child's own. Linux also sends orphaned to the child when this
// program dies.
func group(orphaned syscall.Signal) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: orphaned}
}
