package store

import (
	"context"
	"os"
	"path/filepath"

	"example.com/turnkey/tlsconfig/osfile"
)

// dir is a backend in a directory. Files have mode 0600 and directories 0700. Each file is written whole or not at all.
type dir string

func (d dir) path(name string) string { return filepath.Join(string(d), filepath.FromSlash(name)) }

func (d dir) get(_ context.Context, name string) ([]byte, error) { return os.ReadFile(d.path(name)) }

func (d dir) put(_ context.Context, name string, data []byte) error {
	path := d.path(name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return osfile.Write(path, data, 0o600)
}

func (d dir) rename(_ context.Context, from, to string) error {
	return os.Rename(d.path(from), d.path(to))
}

func (d dir) remove(_ context.Context, name string) error { return os.Remove(d.path(name)) }
