package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"time"
)

// part is one of the programs that play in the rehearsal. It ends with it.
type part struct {
	name   string
	cmd    *exec.Cmd
	out    *lines
	exited chan struct{}
}

const (
	startTime = 20 * time.Second // for a part to listen, on a machine that has other things to do
	stopTime  = 5 * time.Second
)

// start runs a program. heard gets every line that it writes, in order. ended is told when it ends, whoever ended it.
func start(name string, cmd *exec.Cmd, heard func(line string), ended func(error)) (*part, error) {
	p := &part{name: name, cmd: cmd, out: &lines{heard: heard}, exited: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = p.out, p.out
	cmd.SysProcAttr = apart()
	cmd.WaitDelay = time.Second
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	go func() {
		cmd.Wait() // its state tells
		ended(fmt.Errorf("%s ended before the rehearsal did (%s); its last words:\n%s", name, cmd.ProcessState, p.out.last()))
		close(p.exited)
	}()
	return p, nil
}

// listens returns when somebody accepts connections on addr.
func (p *part) listens(ctx context.Context, addr string) error {
	timeout := time.After(startTime)
	for {
		conn, err := net.DialTimeout("tcp", addr, time.Second)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-timeout:
			return fmt.Errorf("%s does not listen on %s after %s; its last words:\n%s", p.name, addr, startTime, p.out.last())
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// stop ends the program: asked to first, if it has something to finish.
func (p *part) stop(gently bool) {
	if !gently || runtime.GOOS == "windows" || p.cmd.Process.Signal(os.Interrupt) != nil { // Windows knows no such signal
		p.cmd.Process.Kill()
	}
	select {
	case <-p.exited:
	case <-time.After(stopTime):
		p.cmd.Process.Kill()
		<-p.exited
	}
}
