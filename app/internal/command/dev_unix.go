//go:build unix

package command

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
)

// devSocket is one end of a pair of sockets: lines of JSON go both ways, and open ports with them (SCM_RIGHTS).
type devSocket struct{ *net.UnixConn }

func openDevChannel(stdin *os.File) (io.Reader, devChannel, error) {
	conn, err := net.FileConn(stdin)
	if err != nil {
		return nil, nil, err
	}
	socket, ok := conn.(*net.UnixConn)
	if !ok {
		conn.Close()
		return nil, nil, fmt.Errorf("standard input is no unix socket but a %T", conn)
	}
	return socket, devSocket{socket}, nil
}

func (s devSocket) send(m devReport, l listeners) error {
	line, err := json.Marshal(m)
	if err != nil {
		return err
	}
	var fds []int
	for _, group := range [][]net.Listener{l.https, l.http, l.admin} {
		for _, ln := range group {
			tcp, ok := ln.(*net.TCPListener)
			if !ok {
				return fmt.Errorf("a port that cannot be passed: %T", ln)
			}
			f, err := tcp.File()
			if err != nil {
				return err
			}
			defer f.Close()
			raw, err := f.SyscallConn() // Fd would make the listener block
			if err != nil {
				return err
			}
			if err := raw.Control(func(fd uintptr) { fds = append(fds, int(fd)) }); err != nil {
				return err
			}
		}
	}
	var rights []byte
	if len(fds) > 0 {
		rights = syscall.UnixRights(fds...)
	}
	_, _, err = s.WriteMsgUnix(append(line, '\n'), rights, nil)
	return err
}

func (s devSocket) crashFile() (*os.File, error) { return s.File() }
