//go:build unix

package ports

import (
	"errors"
	"net"
	"os"
	"syscall"
)

// inherit returns a listener for a listening TCP socket of this process, or a connection for a UDP socket. It touches
// no descriptor of another kind: if the number is wrong, that may be a file of the Go runtime.
func inherit(fd int) (net.Listener, net.PacketConn, error) {
	kind, _ := syscall.GetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_TYPE)
	listens, err := syscall.GetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_ACCEPTCONN)
	switch {
	case errors.Is(err, syscall.EBADF):
		return nil, nil, errors.New("is not open")
	case errors.Is(err, syscall.ENOTSOCK):
		return nil, nil, errors.New("is not a socket")
	case err == nil && listens == 0 && kind != syscall.SOCK_DGRAM:
		return nil, nil, errors.New("is a socket that does not listen")
	case err != nil && kind != syscall.SOCK_DGRAM: // some systems know no SO_ACCEPTCONN of UDP
		return nil, nil, os.NewSyscallError("getsockopt", err)
	}
	file := os.NewFile(uintptr(fd), "passed socket")
	defer file.Close() // what is returned has a copy, which no child process inherits
	if kind == syscall.SOCK_DGRAM {
		conn, err := net.FilePacketConn(file)
		if _, ok := conn.(*net.UDPConn); err == nil && !ok {
			conn.Close()
			err = errors.New("is not a UDP socket")
		}
		return nil, conn, err
	}
	ln, err := net.FileListener(file)
	if err != nil {
		return nil, nil, err
	}
	if _, ok := ln.(*net.TCPListener); !ok {
		ln.Close()
		return nil, nil, errors.New("is not a TCP socket")
	}
	return ln, nil, nil
}
