//go:build unix

package devlink

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"syscall"
	"time"
)

// PassesSockets reports whether a process can pass its open ports to another on this system.
const PassesSockets = true

// Parent is the end of scripts/dev: one of a pair of Unix sockets.
type Parent struct{ conn *net.UnixConn }

// New returns both ends. The caller makes theirs the child's standard input, and closes it once the child has started.
func New() (ours *Parent, theirs *os.File, err error) {
	syscall.ForkLock.RLock() // no other child may start, and inherit the ends, before they are marked
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err == nil {
		syscall.CloseOnExec(fds[0])
		syscall.CloseOnExec(fds[1])
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return nil, nil, os.NewSyscallError("socketpair", err)
	}
	theirs = os.NewFile(uintptr(fds[1]), "theirs")
	f := os.NewFile(uintptr(fds[0]), "ours")
	defer f.Close()
	conn, err := net.FileConn(f)
	if err != nil {
		theirs.Close()
		return nil, nil, err
	}
	return &Parent{conn.(*net.UnixConn)}, theirs, nil
}

// Send writes an order. It waits at most a second for a child that does not read.
func (p *Parent) Send(o Order) error {
	line, err := json.Marshal(o)
	if err != nil {
		return err
	}
	p.conn.SetWriteDeadline(time.Now().Add(time.Second))
	_, err = p.conn.Write(append(line, '\n'))
	return err
}

// CloseWrite closes the direction to the child, which makes the child stop.
func (p *Parent) CloseWrite() { p.conn.CloseWrite() }

func (p *Parent) Close() error { return p.conn.Close() }

// Each calls f with every line and the files that came with it, until the child closes its end. f owns the files.
func (p *Parent) Each(f func(line []byte, files []*os.File)) {
	var pending []byte
	var files []*os.File
	data, rights := make([]byte, 16<<10), make([]byte, syscall.CmsgSpace(64*4))
	for {
		n, oobn, _, _, err := p.conn.ReadMsgUnix(data, rights)
		pending = append(pending, data[:n]...)
		files = append(files, descriptors(rights[:oobn])...)
		for {
			i := bytes.IndexByte(pending, '\n')
			if i < 0 {
				break
			}
			f(pending[:i+1], files)
			pending, files = pending[i+1:], nil
		}
		if err != nil || n == 0 {
			return
		}
	}
}

// descriptors returns the files in a control message (SCM_RIGHTS, unix(7)).
func descriptors(rights []byte) (files []*os.File) {
	messages, err := syscall.ParseSocketControlMessage(rights)
	if err != nil {
		return nil
	}
	for _, m := range messages {
		fds, err := syscall.ParseUnixRights(&m)
		if err != nil {
			continue
		}
		for _, fd := range fds {
			syscall.CloseOnExec(fd)
			files = append(files, os.NewFile(uintptr(fd), "port"))
		}
	}
	return files
}

// Child is the server's end.
type Child struct{ *net.UnixConn }

// Join returns the server's end, or an error if standard input is not a Unix socket.
func Join(stdin *os.File) (*Child, error) {
	conn, err := net.FileConn(stdin)
	if err != nil {
		return nil, err
	}
	socket, ok := conn.(*net.UnixConn)
	if !ok {
		conn.Close()
		return nil, fmt.Errorf("standard input is a %T, not a Unix socket", conn)
	}
	return &Child{socket}, nil
}

// Send writes a report, and passes the listeners on with it (SCM_RIGHTS, unix(7)). The listeners stay open here.
func (c *Child) Send(r Report, listeners []net.Listener) error {
	line, err := json.Marshal(r)
	if err != nil {
		return err
	}
	var fds []int
	for _, ln := range listeners {
		tcp, ok := ln.(*net.TCPListener)
		if !ok {
			return fmt.Errorf("a %T cannot be passed to another process", ln)
		}
		f, err := tcp.File()
		if err != nil {
			return err
		}
		defer f.Close()
		raw, err := f.SyscallConn() // File.Fd would make the listener block
		if err != nil {
			return err
		}
		if err := raw.Control(func(fd uintptr) { fds = append(fds, int(fd)) }); err != nil {
			return err
		}
	}
	var rights []byte
	if len(fds) > 0 {
		rights = syscall.UnixRights(fds...)
	}
	_, _, err = c.WriteMsgUnix(append(line, '\n'), rights, nil)
	return err
}

// CrashFile returns a file to which the Go runtime can write why the process crashed, so that scripts/dev can show it
// in the page. The caller closes it.
func (c *Child) CrashFile() (*os.File, error) { return c.File() }
