package tlsconfig

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"example.com/turnkey/tlsconfig/localca"
)

// storeTimeout bounds every call to a store: one that hangs must not hold up anything but itself.
const storeTimeout = 5 * time.Second

// store keeps small files. A missing one is fs.ErrNotExist. Calls may block; nobody who serves visitors makes them.
type store interface {
	get(ctx context.Context, name string) ([]byte, error)
	put(ctx context.Context, name string, data []byte) error
	rename(ctx context.Context, from, to string) error
}

func openStore(where string) (store, error) {
	if isRedis(where) {
		return redis{where}, nil // which may come up later than we do
	}
	if err := os.MkdirAll(where, 0o700); err != nil {
		return nil, fmt.Errorf("making ACME_CACHE: %w", err)
	}
	return directory(where), nil
}

// directory is a store in files, 0600 in folders 0700, each written whole or not at all.
type directory string

func (d directory) get(_ context.Context, name string) ([]byte, error) {
	return os.ReadFile(filepath.Join(string(d), filepath.FromSlash(name)))
}

func (d directory) put(_ context.Context, name string, data []byte) error {
	path := filepath.Join(string(d), filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return localca.WriteFile(path, data, 0o600)
}

func (d directory) rename(_ context.Context, from, to string) error {
	return os.Rename(filepath.Join(string(d), filepath.FromSlash(from)), filepath.Join(string(d), filepath.FromSlash(to)))
}

// corner is one authority's part of a store. Its calls end within storeTimeout, also when the store's do not.
type corner struct {
	store
	name string
}

func (c *corner) get(ctx context.Context, name string) (data []byte, err error) {
	err = bounded(ctx, func(ctx context.Context) (err error) {
		data, err = c.store.get(ctx, c.name+"/"+name)
		return err
	})
	return data, err
}

func (c *corner) put(ctx context.Context, name string, data []byte) error {
	return bounded(ctx, func(ctx context.Context) error { return c.store.put(ctx, c.name+"/"+name, data) })
}

// setAside keeps what could not be read, as *.bad.
func (c *corner) setAside(ctx context.Context, name string) error {
	return bounded(ctx, func(ctx context.Context) error { return c.store.rename(ctx, c.name+"/"+name, c.name+"/"+name+".bad") })
}

func bounded(ctx context.Context, call func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- call(ctx) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return fmt.Errorf("ACME_CACHE did not answer within %s", storeTimeout)
		}
		return ctx.Err()
	}
}

func isMissing(err error) bool { return errors.Is(err, fs.ErrNotExist) }
