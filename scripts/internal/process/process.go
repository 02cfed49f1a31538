// Package process starts programs that end with the program that started them, stops them, names their files, and writes
// commands as a user would type them. It imports little, because make dev compiles it before it can print anything.
package process

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
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

// Errors of Listens.
var (
	ErrExited = errors.New("the program has ended")
	ErrSilent = errors.New("the program does not listen")
)

// Listens returns when a server accepts connections on addr. The error is ErrExited if the program ends before,
// ErrSilent after timeout, and the cause of ctx when that is done.
func (p *Process) Listens(ctx context.Context, addr string, timeout time.Duration) error {
	late := time.After(timeout)
	for {
		if conn, err := net.DialTimeout("tcp", addr, time.Second); err == nil {
			return conn.Close()
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-p.Exited:
			return ErrExited
		case <-late:
			return ErrSilent
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// Stop ends the program and returns when it has ended. It interrupts the program, and kills it after grace. With a
// grace of 0 it kills at once, as it always does on Windows, which has no signal to interrupt a program with.
func (p *Process) Stop(grace time.Duration) {
	if grace == 0 || runtime.GOOS == "windows" || p.Cmd.Process.Signal(os.Interrupt) != nil {
		p.Cmd.Process.Kill()
	}
	select {
	case <-p.Exited:
	case <-time.After(grace):
		p.Cmd.Process.Kill()
		<-p.Exited
	}
}

// Go runs the go command with args, and with env besides this program's environment. Its work directory is below dir,
// which is made: there go can move the linked binary instead of copying it. When ctx ends, go and all processes that it
// started end at once, and the work directory is removed. Without this, compilers would keep running and go's temporary
// directory would stay, because go catches no signal while it builds.
func Go(ctx context.Context, dir string, env []string, out io.Writer, args ...string) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	work, err := os.MkdirTemp(dir, ".build-") // with a dot it is no package's name
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Env = append(append(os.Environ(), "GOTMPDIR="+work), env...)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = group(0)
	cmd.Cancel = func() error { return killGroup(cmd.Process) }
	cmd.WaitDelay = time.Second
	return cmd.Run()
}

// Project returns the name of the project that this program was built in: the last element of its module path.
func Project() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Path != "" {
		return path.Base(info.Main.Path)
	}
	return "site"
}

// Binary returns the file of a program in a folder.
func Binary(folder, name string) string {
	if runtime.GOOS == "windows" {
		name += ".exe"
	}
	return filepath.Join(folder, name)
}

// Exit ends this program: with status 0 without an error, 2 after a request for its usage, and else 1 with the error on
// standard error, after the program's name.
func Exit(name string, err error) {
	switch {
	case errors.Is(err, flag.ErrHelp):
		os.Exit(2)
	case err != nil:
		fmt.Fprintln(os.Stderr, name+":", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// Terminals reports whether files are terminals, where a person can answer a question. The null device is a character
// device too, and is none.
func Terminals(files ...*os.File) bool {
	null, err := os.Stat(os.DevNull)
	for _, f := range files {
		info, err2 := f.Stat()
		if err != nil || err2 != nil || info.Mode()&os.ModeCharDevice == 0 || os.SameFile(info, null) {
			return false
		}
	}
	return true
}

// Line returns a command as a user would type it in a POSIX shell or, with windows, in PowerShell and cmd.
func Line(windows bool, args ...string) string {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_@%+=:,./-"
	quoted := make([]string, len(args))
	for i, arg := range args {
		switch {
		case windows && strings.Trim(arg, plain+`\`) == "", arg != "" && strings.Trim(arg, plain) == "":
			quoted[i] = arg
		case windows:
			quoted[i] = `"` + arg + `"`
		default:
			quoted[i] = "'" + strings.ReplaceAll(arg, "'", `'\''`) + "'"
		}
	}
	return strings.Join(quoted, " ")
}
