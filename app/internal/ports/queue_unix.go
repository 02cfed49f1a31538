//go:build unix

package ports

import (
	"errors"
	"net"
	"os"
	"syscall"
)

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
