package process

import (
	"os"
	"syscall"
)

// group returns the attributes of a process group of the child's own. Linux also sends orphaned, unless it is 0, to the
// child when this program dies.
func group(orphaned syscall.Signal) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: orphaned}
}

func killGroup(p *os.Process) error { return syscall.Kill(-p.Pid, syscall.SIGKILL) }
