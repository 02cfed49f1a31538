// Package osfile adds to package os what certificate files need: writing a whole file or none, permissions where the
// system has them, and errors without the path. It imports nothing of this module.
package osfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
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
