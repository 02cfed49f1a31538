//go:build !unix

package command

import (
	"io"
	"os"
)

// openDevChannel hears scripts/dev, and has no way up: sockets cannot be passed here.
func openDevChannel(stdin *os.File) (io.Reader, devChannel, error) { return stdin, nil, nil }
