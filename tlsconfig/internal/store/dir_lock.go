package store

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// fileLock is a lock in a directory: the system's lock on a file, which ends with its process. So it has no lease and
// no fence. The file stays, because a process that waited for it would have the lock of a file that is gone.
type fileLock struct{ *os.File }

func (fileLock) extend(context.Context) error    { return nil }
func (l fileLock) release(context.Context) error { return l.Close() }

func (d dir) lock(_ context.Context, name string) (fence int64, _ hold, err error) {
	path := d.path(name + ".lock")
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return 0, nil, err
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return 0, nil, err
	}
	if err := lockFile(f); err != nil {
		return 0, nil, errors.Join(err, f.Close())
	}
	return 0, fileLock{f}, nil
}

func (d dir) putFenced(ctx context.Context, name, suffix string, data []byte, _ int64) error {
	return d.put(ctx, name+suffix, data)
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
