//go:build unix

package ports

import (
	"errors"
	"net"
	"os"
	"syscall"
)

// inherit returns a listener for a listening TCP socket of this process. It touches no descriptor of another kind: if
// the number is wrong, that may be a file of the Go runtime.
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
	defer file.Close() // the listener has a copy, which no child process inherits
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
