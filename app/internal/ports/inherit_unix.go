//go:build unix

package ports

import (
	"errors"
	"net"
	"os"
	"syscall"
)

// inherit takes over a listening TCP socket. What else the number stands for is left alone: if it is wrong, that may
// be a file of the Go runtime.
func inherit(fd int) (net.Listener, error) {
	listens, err := syscall.GetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_ACCEPTCONN)
	switch {
	case errors.Is(err, syscall.EBADF):
		return nil, errors.New("is not open")
	case errors.Is(err, syscall.ENOTSOCK):
		return nil, errors.New("is not a socket")
	case err == nil && listens == 0:
		return nil, errors.New("is a socket that does not listen")
	case err != nil:
		return nil, os.NewSyscallError("getsockopt", err)
	}
	file := os.NewFile(uintptr(fd), "passed socket")
	defer file.Close() // the listener has a copy of its own, which no child inherits
	ln, err := net.FileListener(file)
	if err != nil {
		return nil, err
	}
	if _, ok := ln.(*net.TCPListener); !ok {
		ln.Close()
		return nil, errors.New("is not a TCP socket")
	}
	return ln, nil
}
