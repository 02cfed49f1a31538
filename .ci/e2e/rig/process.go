package rig

import (
	"bytes"
	"cmp"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Process is a program that runs until its test ends. Its output is shown only if the test fails, or with -v.
type Process struct {
	name   string
	cmd    *exec.Cmd
	stdout Buffer
	stderr Buffer
	exited chan struct{}
}

// Command describes a program to run, with nothing of this process's environment.
type Command struct {
	Path string
	Args []string
	Dir  string
	Env  []string
	As   *User // nil: as this user
	// Master says that the program has worker processes, which end after a signal to it, but not after it was killed.
	Master bool
}

// Spawn starts c. It is killed when the test ends.
func Spawn(t testing.TB, c Command) *Process {
	t.Helper()
	p := &Process{name: filepath.Base(c.Path), cmd: exec.Command(c.Path, c.Args...), exited: make(chan struct{})}
	p.cmd.Dir, p.cmd.Env = c.Dir, c.Env
	p.cmd.Stdout, p.cmd.Stderr = &p.stdout, &p.stderr
	p.cmd.SysProcAttr = attributes(c)
	p.cmd.WaitDelay = time.Second // a grandchild may hold the pipes open
	if err := p.cmd.Start(); err != nil {
		t.Fatalf("starting %s: %v", p.name, err)
	}
	go func() {
		p.cmd.Wait() // its state is read by ExitCode
		close(p.exited)
	}()
	t.Cleanup(func() {
		if c.Master {
			p.cmd.Process.Signal(syscall.SIGTERM)
			select {
			case <-p.exited:
			case <-time.After(masterTimeout):
				t.Errorf("%s did not end within %s; its workers may live on", p.name, masterTimeout)
			}
		}
		p.cmd.Process.Kill()
		<-p.exited
		if t.Failed() || testing.Verbose() {
			t.Logf("%s %s\n--- stdout\n%s--- stderr\n%s---", p.name, strings.Join(c.Args, " "), p.Stdout(), p.Stderr())
		}
	})
	return p
}

// Stdout returns the output so far.
func (p *Process) Stdout() string { return p.stdout.String() }

// Stderr returns the error output so far.
func (p *Process) Stderr() string { return p.stderr.String() }

// PID returns the process id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Signal sends s to the process and to no other.
func (p *Process) Signal(t testing.TB, s os.Signal) {
	t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		t.Fatalf("signalling %s: %v", p.name, err)
	}
}

// Exited reports whether the process has ended.
func (p *Process) Exited() bool {
	select {
	case <-p.exited:
		return true
	default:
		return false
	}
}

// ExitCode waits for the end of the process and returns its exit status, -1 if a signal killed it.
func (p *Process) ExitCode(t testing.TB, timeout time.Duration) int {
	t.Helper()
	select {
	case <-p.exited:
		return p.cmd.ProcessState.ExitCode()
	case <-time.After(timeout):
		t.Fatalf("%s still runs after %s", p.name, timeout)
		return 0
	}
}

// WaitForPort waits until a program listens on addr.
func (p *Process) WaitForPort(t testing.TB, addr string) {
	t.Helper()
	for deadline := time.Now().Add(startTimeout); ; time.Sleep(5 * time.Millisecond) {
		conn, err := net.DialTimeout("tcp", addr, time.Second)
		if err == nil {
			conn.Close()
			return
		}
		if p.Exited() {
			t.Fatalf("%s ended with exit status %d instead of listening on %s", p.name, p.cmd.ProcessState.ExitCode(), addr)
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s does not listen on %s after %s: %v", p.name, addr, startTimeout, err)
		}
	}
}

const (
	startTimeout  = 20 * time.Second // several programs may start on a small machine at once
	masterTimeout = 5 * time.Second
)

// Finish waits until the program ends.
func (p *Process) Finish(t testing.TB, timeout time.Duration) Result {
	t.Helper()
	return Result{p.ExitCode(t, timeout), p.Stdout(), p.Stderr()}
}

// Result is the output and the exit status of a program that has ended.
type Result struct {
	ExitCode       int
	Stdout, Stderr string
}

// Buffer collects a process's output while its test reads it. The zero value is empty.
type Buffer struct {
	mu   sync.Mutex
	data bytes.Buffer
}

func (b *Buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.data.Write(p)
}

func (b *Buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.data.String()
}

var errNoPath = errors.New("not installed")

// Need returns the path of the first program. Without one of the programs the test is skipped, and fails in CI, where
// .ci/run has installed them all.
func Need(t testing.TB, programs ...string) string {
	t.Helper()
	first := ""
	for _, name := range programs {
		path, err := Find(name)
		if err != nil && os.Getenv("CI") != "" {
			t.Fatalf("%s is not installed", name)
		} else if err != nil {
			t.Skipf("%s is not installed; see .ci/run", name)
		}
		first = cmp.Or(first, path)
	}
	return first
}

// Find looks for a program in PATH and in the directories of servers.
func Find(name string) (string, error) {
	if path, err := exec.LookPath(name); err == nil {
		return path, nil
	}
	for _, dir := range []string{"/usr/sbin", "/usr/local/sbin", "/sbin"} {
		if path, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return path, nil
		}
	}
	return "", errNoPath
}
