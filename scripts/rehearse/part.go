package main

import (
	"context"
	"fmt"
	"net"
	"os/exec"
	"syscall"
	"time"

	"example.com/turnkey/scripts/internal/child"
)

// part is one of the programs of the rehearsal. It ends with the rehearsal.
type part struct {
	name string
	*child.Process
	out *lines
}

const (
	startTime = 20 * time.Second // for a part to listen, on a busy machine
	stopTime  = 5 * time.Second
)

// start runs a program. heard gets every line that it writes, in order. ended is called when it ends, for any reason.
func start(name string, cmd *exec.Cmd, heard func(line string), ended func(error)) (p *part, err error) {
	p = &part{name: name, out: &lines{heard: heard}}
	cmd.Stdout, cmd.Stderr = p.out, p.out
	cmd.WaitDelay = time.Second
	p.Process, err = child.Start(cmd, syscall.SIGKILL, func() {
		ended(fmt.Errorf("%s ended before the rehearsal did (%s); its last words:\n%s", name, cmd.ProcessState, p.out.last()))
	})
	if err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	return p, nil
}

// listens returns when a program accepts connections on addr.
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

// stop ends the program. With gently it may finish what it has begun.
func (p *part) stop(gently bool) { p.Stop(gently, stopTime) }
