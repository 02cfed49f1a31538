package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"example.com/turnkey/tlsconfig/osfile"
	"example.com/turnkey/tlsconfig/setting"
)

// dir is a backend in a directory. Files have mode 0600 and directories 0700. Each file is written whole or not at all.
type dir string

func (d dir) path(name string) string { return filepath.Join(string(d), filepath.FromSlash(name)) }

func (d dir) get(_ context.Context, name string) ([]byte, error) { return os.ReadFile(d.path(name)) }

func (d dir) put(_ context.Context, name, suffix string, data []byte, _ int64) error {
	path := d.path(name + suffix)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return osfile.Write(path, data, 0o600)
}

func (d dir) rename(_ context.Context, from, to string) error {
	return os.Rename(d.path(from), d.path(to))
}

func (d dir) remove(_ context.Context, name string) error { return os.Remove(d.path(name)) }

func (dir) close() {}

// fileLock is a lock in a directory: the system's lock on a file, which ends with its process. So it has no lease and
// no fence. The file is not removed: a process that waited for it would get the lock of a removed file.
type fileLock struct{ *os.File }

func (fileLock) fence() int64                    { return 0 }
func (fileLock) extend(context.Context) error    { return nil }
func (l fileLock) release(context.Context) error { return l.Close() }

func (d dir) lock(_ context.Context, name string) (hold, error) {
	path := d.path(name + ".lock")
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := lockFile(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return fileLock{f}, nil
}

func (d dir) changes(_ context.Context, slot string, since int64) (names []string, now int64, err error) {
	entries, err := os.ReadDir(d.path(slot))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, since, err
	}
	for _, entry := range entries {
		name, ok := strings.CutSuffix(entry.Name(), ".pem")
		info, err := entry.Info()
		if !ok || err != nil {
			continue // another file, or one that is gone again
		}
		written := info.ModTime().UnixNano()
		if written >= since { // two may have been written at one moment
			names = append(names, name)
		}
		now = max(now, written)
	}
	return names, now, nil
}

// LockFault is Fault for locks, which some network file systems do not support. A single process gets certificates
// without locks.
func (c Config) LockFault() *setting.Fault {
	if IsRedis(c.Where) {
		return nil
	}
	if err := try(c.Where, lockFile); err != nil {
		return c.fault(fmt.Sprintf("has no locks (%v), by which one of several processes runs a job of server.Once",
			osfile.Cause(err)), "give a directory on a disk of this machine, or the URL of a Redis or Valkey server")
	}
	return nil
}

// try calls do with a new file in the directory, or in the one where it would be made, and removes the file.
func try(directory string, do func(*os.File) error) error {
	parent, err := existing(directory)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(parent, ".try-*")
	if err != nil {
		return err
	}
	return errors.Join(do(f), f.Close(), os.Remove(f.Name()))
}

// existing returns path or its nearest parent that exists.
func existing(path string) (string, error) {
	info, err := os.Stat(path)
	switch parent := filepath.Dir(path); {
	case err == nil && !info.IsDir():
		return "", fmt.Errorf("%s is not a directory", path)
	case err == nil:
		return path, nil
	case errors.Is(err, os.ErrNotExist) && parent != path:
		return existing(parent)
	}
	return "", osfile.Cause(err)
}

// maxNotes limits what Notes reports: one command usually fixes all files of a store.
const maxNotes = 3

// Notes returns what an operator should know of a store: each file of a directory that other users can read, each
// folder that they can change, and that a Redis server may drop certificates.
func (c Config) Notes() []string {
	if IsRedis(c.Where) {
		return c.redis().notes()
	}
	directory := c.Where
	var notes []string
	filepath.WalkDir(directory, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return nil // Slot.Get reports a store that cannot be read
		}
		mode, ok := osfile.Mode(path)
		switch {
		case !ok:
		case entry.IsDir() && path != directory && mode&0o077 == 0: // such as DATA_DIR, where the site's own files are
			return fs.SkipDir
		case entry.IsDir() && mode&0o022 != 0:
			notes = append(notes, fmt.Sprintf("users other than its owner can replace files in ACME_CACHE: "+
				"%s has mode %04o\n      → chmod 700 %s", path, mode, path))
		case entry.Type().IsRegular() && mode&0o077 != 0:
			notes = append(notes, fmt.Sprintf("users other than its owner can read a file of ACME_CACHE, "+
				"where private keys are: %s has mode %04o\n      → chmod 600 %s", path, mode, path))
		}
		if len(notes) == maxNotes {
			return fs.SkipAll
		}
		return nil
	})
	return notes
}
