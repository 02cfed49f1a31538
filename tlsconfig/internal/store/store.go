// Package store keeps account keys, certificates, orders and records of attempts: in a directory, or in a Redis or
// Valkey server that several machines share.
//
// The other rooms use a Slot, the part of a store that belongs to one CA. Calls of a Slot end within five seconds. No
// handshake waits for one.
package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"
)

// timeout bounds every call to a store. One that does not answer must not delay anything else.
const timeout = 5 * time.Second

// backend keeps small files. The error for a missing one is fs.ErrNotExist. Calls may block.
type backend interface {
	get(ctx context.Context, name string) ([]byte, error)
	put(ctx context.Context, name string, data []byte) error
	rename(ctx context.Context, from, to string) error
	remove(ctx context.Context, name string) error
}

// Open returns the part of the store at where that belongs to the CA with this directory URL. It makes a directory
// that is missing. It does not connect to Redis, which may start later than this process.
func Open(where, directoryURL string) (*Slot, error) {
	if !IsRedis(where) {
		if err := os.MkdirAll(where, 0o700); err != nil {
			return nil, fmt.Errorf("making ACME_CACHE: %w", err)
		}
	}
	return Existing(where, directoryURL), nil
}

// Existing is Open for reading alone: it makes nothing.
func Existing(where, directoryURL string) *Slot {
	if IsRedis(where) {
		return &Slot{backend: redis{where}, name: slug(directoryURL)}
	}
	return &Slot{backend: dir(where), name: slug(directoryURL)}
}

// IsMissing reports whether an error says that there is no such file in the store.
func IsMissing(err error) bool { return errors.Is(err, fs.ErrNotExist) }
