package tlsconfig

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
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
	remove(ctx context.Context, name string) error
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

func (d directory) remove(_ context.Context, name string) error {
	return os.Remove(filepath.Join(string(d), filepath.FromSlash(name)))
}

// corner is one authority's part of a store. Its calls end within storeTimeout, also when the store's do not.
type corner struct {
	store
	name string
	busy sync.Map // file → chan struct{}, full while a call about it is under way
}

func (c *corner) get(ctx context.Context, name string) ([]byte, error) {
	return c.bounded(ctx, name, func(ctx context.Context) ([]byte, error) { return c.store.get(ctx, c.name+"/"+name) })
}

func (c *corner) put(ctx context.Context, name string, data []byte) error {
	_, err := c.bounded(ctx, name, func(ctx context.Context) ([]byte, error) { return nil, c.store.put(ctx, c.name+"/"+name, data) })
	return err
}

func (c *corner) remove(ctx context.Context, name string) error {
	_, err := c.bounded(ctx, name, func(ctx context.Context) ([]byte, error) { return nil, c.store.remove(ctx, c.name+"/"+name) })
	return err
}

// setAside keeps what could not be read, as *.bad.
func (c *corner) setAside(ctx context.Context, name string) error {
	_, err := c.bounded(ctx, name, func(ctx context.Context) ([]byte, error) {
		return nil, c.store.rename(ctx, c.name+"/"+name, c.name+"/"+name+".bad")
	})
	return err
}

// bounded gives a call storeTimeout. One that still hangs goes on by itself, and the next about the same file waits for
// it: a late write must not overtake a newer one, and retries must not pile up.
func (c *corner) bounded(ctx context.Context, name string, call func(context.Context) ([]byte, error)) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	v, _ := c.busy.LoadOrStore(name, make(chan struct{}, 1))
	busy := v.(chan struct{})
	type result struct {
		data []byte
		err  error
	}
	done := make(chan result, 1)
	select {
	case busy <- struct{}{}:
		go func() {
			defer cancel()
			data, err := call(ctx)
			<-busy
			done <- result{data, err}
		}()
	case <-ctx.Done():
		cancel()
	}
	select {
	case r := <-done:
		return r.data, r.err
	case <-ctx.Done():
		select {
		case r := <-done: // it ended just so
			return r.data, r.err
		default:
		}
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return nil, fmt.Errorf("ACME_CACHE did not answer within %s", storeTimeout)
		}
		return nil, ctx.Err()
	}
}

func isMissing(err error) bool { return errors.Is(err, fs.ErrNotExist) }
