// Package child starts programs that do not outlive the program that started them, and stops them.
package child

import (
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// Process is a running program.
type Process struct {
	Cmd    *exec.Cmd
	Exited chan struct{} // closed when it has ended
}

// Start starts cmd in a process group of its own: a Ctrl-C at the terminal does not reach it, and Stop decides how it
// ends. When this program dies, Linux sends it the signal orphaned. ended, if not nil, is called when the program has
// ended, before Exited is closed.
func Start(cmd *exec.Cmd, orphaned syscall.Signal, ended func()) (*Process, error) {
	p := &Process{Cmd: cmd, Exited: make(chan struct{})}
	cmd.SysProcAttr = group(orphaned)
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		cmd.Wait() // cmd.ProcessState has the result
		if ended != nil {
			ended()
		}
		close(p.Exited)
	}()
	return p, nil
}

// Stop ends the program and returns when it has ended. With gently it interrupts the program first and kills it after
// timeout. Windows has no signal to interrupt a program with.
func (p *Process) Stop(gently bool, timeout time.Duration) {
	if !gently || runtime.GOOS == "windows" || p.Cmd.Process.Signal(os.Interrupt) != nil {
		p.Cmd.Process.Kill()
	}
	select {
	case <-p.Exited:
	case <-time.After(timeout):
		p.Cmd.Process.Kill()
		<-p.Exited
	}
}
