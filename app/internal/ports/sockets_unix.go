//go:build unix

package ports

import (
	"errors"
	"math"
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

// stopListening accepts all connections in a listener's queue, and on Linux stops the queue at once. Go closes a
// listener only after the goroutine in Accept has woken up, and until then the queue fills again on other systems.
func stopListening(ln *net.TCPListener) (queue []*os.File) {
	raw, err := ln.SyscallConn()
	if err != nil {
		return nil
	}
	raw.Control(func(listener uintptr) {
		for {
			syscall.ForkLock.RLock() // no child process inherits the connection
			fd, _, err := syscall.Accept(int(listener))
			if err == nil {
				syscall.CloseOnExec(fd)
			}
			syscall.ForkLock.RUnlock()
			switch {
			case err == nil:
				queue = append(queue, os.NewFile(uintptr(fd), "connection"))
			case !errors.Is(err, syscall.EINTR) && !errors.Is(err, syscall.ECONNABORTED): // EAGAIN: it is empty
				syscall.Shutdown(int(listener), syscall.SHUT_RDWR)
				return
			}
		}
	})
	return queue
}

// DescriptorLimit returns how many file descriptors this process may have open.
func DescriptorLimit() uint64 {
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit) != nil { // the system does not tell
		return math.MaxUint64
	}
	return uint64(limit.Cur)
}
