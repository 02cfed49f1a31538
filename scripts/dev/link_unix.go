//go:build unix

package main

import (
	"bytes"
	"net"
	"os"
	"syscall"
	"time"
)

// passesSockets says whether a process can hand its open ports to another.
const passesSockets = true

// link is the way to a child and back: one end of a pair of sockets.
type link struct{ *net.UnixConn }

func openLink() (ours link, theirs *os.File, err error) {
	syscall.ForkLock.RLock() // until the ends are marked, no other child may be started with them
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err == nil {
		syscall.CloseOnExec(fds[0])
		syscall.CloseOnExec(fds[1])
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return link{}, nil, os.NewSyscallError("socketpair", err)
	}
	theirs = os.NewFile(uintptr(fds[1]), "theirs")
	f := os.NewFile(uintptr(fds[0]), "ours")
	defer f.Close()
	conn, err := net.FileConn(f)
	if err != nil {
		theirs.Close()
		return link{}, nil, err
	}
	return link{conn.(*net.UnixConn)}, theirs, nil
}

// Write does not wait for a child that hears nothing.
func (l link) Write(line []byte) (int, error) {
	l.SetWriteDeadline(time.Now().Add(time.Second))
	return l.UnixConn.Write(line)
}

// part is the end of what is said, for a child that is to stop.
func (l link) part() { l.CloseWrite() }

// each calls f with every line, and the descriptors that came with it, until the child hangs up.
func (l link) each(f func(line []byte, files []*os.File)) {
	var pending []byte
	var files []*os.File
	data, rights := make([]byte, 16<<10), make([]byte, syscall.CmsgSpace(64*4))
	for {
		n, oobn, _, _, err := l.ReadMsgUnix(data, rights)
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
