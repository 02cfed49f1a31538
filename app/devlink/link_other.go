//go:build !unix

package devlink

import (
	"encoding/json"
	"errors"
	"net"
	"os"
)

// PassesSockets reports whether a process can pass its open ports to another on this system.
const PassesSockets = false

// Parent is the end of scripts/dev: a pipe to the child, which cannot answer.
type Parent struct{ file *os.File }

// New returns both ends. The caller makes theirs the child's standard input, and closes it once the child has started.
func New() (ours *Parent, theirs *os.File, err error) {
	r, w, err := os.Pipe()
	return &Parent{w}, r, err
}

// Send writes an order.
func (p *Parent) Send(o Order) error {
	line, err := json.Marshal(o)
	if err != nil {
		return err
	}
	_, err = p.file.Write(append(line, '\n'))
	return err
}

// CloseWrite ends the orders, which tells the child to stop.
func (p *Parent) CloseWrite() { p.file.Close() }

func (p *Parent) Close() error { return p.file.Close() }

// Each returns at once, because the child cannot answer.
func (p *Parent) Each(func(line []byte, files []*os.File)) {}

// Child is the server's end, which can only read.
type Child struct{ *os.File }

// Join returns the server's end.
func Join(stdin *os.File) (*Child, error) { return &Child{stdin}, nil }

// Send does nothing, because the pipe only leads to the child.
func (c *Child) Send(Report, []net.Listener) error { return nil }

// CrashFile returns errors.ErrUnsupported, because the pipe only leads to the child.
func (c *Child) CrashFile() (*os.File, error) { return nil, errors.ErrUnsupported }
