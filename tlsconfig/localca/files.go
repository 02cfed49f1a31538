package localca

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"time"
)

// WriteFile writes whole files only: beside the target first, then renamed over it, with exactly mode whatever
// the umask. The directory must exist.
func WriteFile(path string, data []byte, mode os.FileMode) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*") // 0600 from the start
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // nothing is there any more after the rename
	_, err = f.Write(data)
	if runtime.GOOS != "windows" {
		err = errors.Join(err, f.Chmod(mode))
	}
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// protect closes a key file to others.
func protect(path string) error {
	info, err := os.Stat(path)
	if err != nil || runtime.GOOS == "windows" || info.Mode().Perm() == 0o600 {
		return err
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return fmt.Errorf("protecting the key: %w", err)
	}
	return nil
}

// writeOnce writes only what is not there already.
func writeOnce(path string, data []byte, mode os.FileMode) error {
	if have, err := os.ReadFile(path); err == nil && bytes.Equal(have, data) {
		return nil
	}
	return WriteFile(path, data, mode)
}

const (
	lockWait  = 10 * time.Second
	lockStale = 5 * time.Second // what is done under the lock takes milliseconds
)

// lock waits for a lock file of its own making. One that a killed process left behind is taken over.
func lock(path string) (unlock func(), err error) {
	for start := time.Now(); ; time.Sleep(5 * time.Millisecond) {
		f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if err == nil {
			f.Close()
			return func() { os.Remove(path) }, nil
		}
		if !errors.Is(err, os.ErrExist) && !(runtime.GOOS == "windows" && errors.Is(err, os.ErrPermission)) {
			return nil, fmt.Errorf("locking: %w", err)
		}
		if info, err := os.Stat(path); err == nil && time.Since(info.ModTime()) > lockStale {
			os.Remove(path)
		}
		if time.Since(start) > lockWait {
			return nil, fmt.Errorf("another process holds %s; if none runs, remove that file", path)
		}
	}
}

// userDataDir follows each system's own rule for data that belongs to a user and not to a project.
func userDataDir(getenv func(string) string, name string) (string, error) {
	home := getenv("HOME")
	switch {
	case runtime.GOOS == "windows":
		if dir := getenv("LocalAppData"); dir != "" {
			return filepath.Join(dir, name), nil
		}
		return "", errors.New("LocalAppData is not set")
	case runtime.GOOS == "darwin" && home != "":
		return filepath.Join(home, "Library", "Application Support", name), nil
	case filepath.IsAbs(getenv("XDG_DATA_HOME")):
		return filepath.Join(getenv("XDG_DATA_HOME"), name), nil
	case home != "":
		return filepath.Join(home, ".local", "share", name), nil
	}
	return "", errors.New("HOME is not set")
}
