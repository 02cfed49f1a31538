// Package osfile adds to package os what certificate files need: writing a whole file or none, permissions where the
// system has them, errors without the path, and reading again and again. It imports nothing of this module.
package osfile

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"time"
)

// Write writes data to a temporary file beside path, and renames it to path. A reader sees the old file or the new
// one, and a crash leaves one of the two. The file has exactly mode, whatever the umask. The directory must exist.
func Write(path string, data []byte, mode fs.FileMode) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*") // 0600 from the start
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // after the rename there is no such file
	_, err = f.Write(data)
	if runtime.GOOS != "windows" {
		err = errors.Join(err, f.Chmod(mode))
	}
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// Mode returns the permissions of a file. ok is false on Windows, where files have none, and if the file cannot be
// read.
func Mode(path string) (mode fs.FileMode, ok bool) {
	if runtime.GOOS == "windows" {
		return 0, false
	}
	info, err := os.Stat(path)
	if err != nil {
		return 0, false
	}
	return info.Mode().Perm(), true
}

// Cause returns a file error without the operation and the path, for messages that name the file themselves.
func Cause(err error) error {
	if pathErr, ok := errors.AsType[*os.PathError](err); ok {
		return pathErr.Err
	}
	return err
}

// pollInterval is how often a file is read. A change is taken up when two reads in a row were equal, so that a file
// that is still being written is not: a renewal is served within two polls.
//
// Reading beats watching here: certbot's links, Kubernetes' swapped directories and network file systems each defeat
// file notifications in their own way, and a pair is a few kilobytes.
const pollInterval = 2 * time.Second

// Poller reads files again and again. It has room for one value, the wake-up that Wake leaves for Run.
type Poller chan struct{}

// Run calls look(false) every pollInterval, and look(true) after a Wake, until ctx is done.
func (p Poller) Run(ctx context.Context, look func(now bool)) {
	for tick := time.Tick(pollInterval); ; {
		select {
		case <-ctx.Done():
			return
		case <-tick:
			look(false)
		case <-p:
			look(true)
		}
	}
}

// Wake does not block.
func (p Poller) Wake() {
	select {
	case p <- struct{}{}:
	default: // one is waiting already
	}
}
