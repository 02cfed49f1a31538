package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"example.com/turnkey/scripts/internal/process"
)

const (
	startTime = 20 * time.Second // for a part to listen, on a busy machine
	stopTime  = 5 * time.Second
	lastLines = 12 // of a failed part are shown
)

// part is one of the programs of the rehearsal, and ends with it. It is also the Writer that gets the program's output.
type part struct {
	name string
	*process.Process
	heard func(line string)

	mu   sync.Mutex
	rest string
	tail []string
}

// start runs a program. heard gets every line that it writes, in order. When the program ends, for any reason, the
// rehearsal ends.
func (r *rehearsal) start(name string, cmd *exec.Cmd, heard func(line string)) (p *part, err error) {
	p = &part{name: name, heard: func(line string) {
		heard(line)
		if r.verbose {
			r.out.Printf("            %s | %s", name, line)
		}
	}}
	cmd.Stdout, cmd.Stderr = p, p
	cmd.WaitDelay = time.Second
	p.Process, err = process.Start(cmd, syscall.SIGKILL, func() {
		r.fail(fmt.Errorf("%s ended before the rehearsal did (%s); its last lines:\n%s", name, cmd.ProcessState, p.last()))
	})
	if err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	return p, nil
}

// listens returns when a program accepts connections on addr.
func (p *part) listens(ctx context.Context, addr string) error {
	err := p.Listens(ctx, addr, startTime)
	switch {
	case errors.Is(err, process.ErrExited): // the reason arrives with the end
		<-ctx.Done()
		return context.Cause(ctx)
	case errors.Is(err, process.ErrSilent):
		return fmt.Errorf("%s does not listen on %s after %s; its last lines:\n%s", p.name, addr, startTime, p.last())
	}
	return err
}

// Write passes on what the program writes, one line at a time, and keeps the last lines.
func (p *part) Write(data []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rest += string(data)
	for {
		line, rest, whole := strings.Cut(p.rest, "\n")
		if !whole {
			return len(data), nil
		}
		line, p.rest = strings.TrimRight(line, "\r"), rest
		p.tail = append(p.tail[max(0, len(p.tail)-lastLines+1):], line)
		p.heard(line)
	}
}

// last returns the last lines, without empty ones around them.
func (p *part) last() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Trim(strings.Join(p.tail, "\n")+"\n"+p.rest, "\n")
}
