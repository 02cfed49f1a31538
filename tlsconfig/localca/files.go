package localca

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"example.com/turnkey/tlsconfig/osfile"
)

// WriteFile is osfile.Write.
func WriteFile(path string, data []byte, mode os.FileMode) error {
	return osfile.Write(path, data, mode)
}

// protect makes a key file unreadable for other users.
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

// writeOnce writes the file unless it already has this content.
func writeOnce(path string, data []byte, mode os.FileMode) error {
	if have, err := os.ReadFile(path); err == nil && bytes.Equal(have, data) {
		return nil
	}
	return WriteFile(path, data, mode)
}

const (
	lockWait  = 10 * time.Second
	lockStale = 5 * time.Second // a process holds the lock for milliseconds
)

// lock waits until it can create a lock file. It takes over one that a killed process left behind.
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

// userDataDir returns the directory that the operating system's convention gives for a user's data.
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
