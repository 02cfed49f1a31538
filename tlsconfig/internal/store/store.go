// Package store keeps account keys, certificates, orders, records of attempts, and keys of session tickets: in a
// directory, or in a Redis or Valkey server that several machines share.
//
// Other packages use a Slot, the part of a store that belongs to one CA. Calls of a Slot end within five seconds. No
// handshake waits for one.
package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"example.com/turnkey/tlsconfig/internal/cert"
	"example.com/turnkey/tlsconfig/osfile"
	"example.com/turnkey/tlsconfig/setting"
)

// timeout bounds every call to a store. One that does not answer must not delay anything else.
const timeout = 5 * time.Second

// atStop is how long a call that has begun may still take when the process stops: a file should be whole, or not there.
const atStop = time.Second

// backend keeps small files. The error for a missing one is fs.ErrNotExist. Calls may block.
type backend interface {
	get(ctx context.Context, name string) ([]byte, error)
	rename(ctx context.Context, from, to string) error
	remove(ctx context.Context, name string) error

	lock(ctx context.Context, name string) (hold, error)
	put(ctx context.Context, name, suffix string, data []byte, fence int64) error
	changes(ctx context.Context, slot string, since int64) (names []string, now int64, err error)

	// close ends what changes keeps open.
	close()
}

// Slot is one CA's part of a store, so that the state of two CAs never mixes. Every call ends within timeout, even if
// the backend does not answer.
type Slot struct {
	backend backend
	shared  bool // by several machines
	name    string
	seals   seals
	busy    sync.Map // file → chan struct{}, full while a call about the file is running

	// former is the name that earlier versions gave the slot, if that contains the password of the directory's URL. Get
	// moves a file from there.
	former string
}

// Config says where a store is, and how values are kept there.
type Config struct {
	Where  string             // ACME_CACHE: a directory, or the URL of a Redis or Valkey server
	CAFile string             // PEM roots of a server with TLS; empty: the system's
	Keys   []setting.CacheKey // that values are sealed with, the newest first; empty: nothing is sealed
}

// Open returns the part of the store that belongs to the CA with this directory URL. It makes a directory that is
// missing. It does not connect to Redis, which may start later than this process.
func (c Config) Open(directoryURL string) (*Slot, error) {
	s := c.Existing(directoryURL)
	former := slug(directoryURL)
	if IsRedis(c.Where) {
		if former != s.name {
			s.former = former
		}
		return s, nil
	}
	if err := os.MkdirAll(c.Where, 0o700); err != nil {
		return nil, fmt.Errorf("making ACME_CACHE: %w", err)
	}
	if former != s.name { // there is usually no such folder, and a rename does not replace a folder with files
		os.Rename(filepath.Join(c.Where, former), filepath.Join(c.Where, s.name))
	}
	return s, nil
}

// Fault returns what is wrong with Where; nil: nothing. It opens no connection, and changes nothing.
func (c Config) Fault() *setting.Fault {
	if !IsRedis(c.Where) {
		// An empty file fits on a full disk; one of a certificate's size does not.
		err := try(c.Where, func(f *os.File) error {
			_, err := f.Write(make([]byte, 16<<10))
			return errors.Join(err, f.Sync())
		})
		if err != nil {
			return c.fault("cannot be written: "+osfile.Cause(err).Error(),
				"free space there, or give a directory that this user can write and that outlives a deployment; "+
					"without it every start orders new certificates")
		}
	} else if _, err := c.redis().address(); err != nil {
		return c.fault(err.Error(), "write redis://host:6379/0, or rediss:// with TLS, "+
			"with user:password@ before the host where it asks for them; "+encodePassword)
	}
	return nil
}

func (c Config) fault(problem, fix string) *setting.Fault {
	return &setting.Fault{Setting: "ACME_CACHE", Value: setting.Redacted(c.Where), Problem: problem, Fix: fix}
}

// CAFault is Fault for CAFile.
func (c Config) CAFault() *setting.Fault {
	if c.CAFile == "" {
		return nil
	}
	fault := &setting.Fault{Setting: "ACME_CACHE_CA_FILE", Value: c.CAFile}
	if _, err := cert.ReadPool(c.CAFile); err != nil {
		fault.Problem = err.Error()
		fault.Fix = "give a PEM file with the root that signed the certificate of the server in ACME_CACHE"
	} else if c.Where != "" && !c.redis().overTLS() {
		fault.Problem = "is for a server with TLS, and ACME_CACHE names none"
		fault.Fix = "write rediss:// or valkeys:// in ACME_CACHE, or remove ACME_CACHE_CA_FILE"
	} else {
		return nil
	}
	return fault
}

// Existing is Open for reading alone: it makes nothing.
func (c Config) Existing(directoryURL string) *Slot {
	s := &Slot{backend: dir(c.Where), shared: IsRedis(c.Where), name: slug(withoutUser(directoryURL)),
		seals: newSeals(c.Keys)}
	if s.shared {
		s.backend = c.redis()
	}
	return s
}

// withoutUser returns a URL without user and password. A URL that has none is returned as it is.
func withoutUser(raw string) string {
	u, err := url.Parse(raw)
	if err != nil || u.User == nil {
		return raw
	}
	u.User = nil
	return u.String()
}

// slug is a directory URL as a folder's name: readable, and different for every CA.
func slug(directoryURL string) string {
	_, rest, _ := strings.Cut(directoryURL, "://")
	out := []byte(strings.ToLower(rest))
	for i, b := range out {
		if !('a' <= b && b <= 'z' || '0' <= b && b <= '9' || b == '.') {
			out[i] = '-'
		}
	}
	return cmp.Or(strings.Trim(string(out), "-."), "directory")
}

// IsMissing reports whether an error says that there is no such file in the store.
func IsMissing(err error) bool { return errors.Is(err, fs.ErrNotExist) }

// Get reads a file. See IsMissing and IsSealed for its error.
func (s *Slot) Get(ctx context.Context, file string) ([]byte, error) {
	value, err := s.raw(ctx, file)
	if err != nil {
		return nil, err
	}
	return s.seals.open(s.key(file), value)
}

// raw reads a file as it is stored.
func (s *Slot) raw(ctx context.Context, file string) ([]byte, error) {
	return bounded(ctx, s, file, func(ctx context.Context) ([]byte, error) {
		data, err := s.backend.get(ctx, s.key(file))
		if s.former != "" && IsMissing(err) {
			// This fails if there is none, or if another replica was first. What was there has no seal.
			s.backend.rename(ctx, s.former+"/"+file, s.key(file))
			return s.backend.get(ctx, s.key(file))
		}
		return data, err
	})
}

func (s *Slot) Remove(ctx context.Context, file string) error {
	return s.do(ctx, file, func(ctx context.Context) error { return s.backend.remove(ctx, s.key(file)) })
}

// asideSuffix ends the name of a file that could not be read.
const asideSuffix = ".bad"

// SetAside renames a file that could not be read to *.bad.
func (s *Slot) SetAside(ctx context.Context, file string) error {
	return s.do(ctx, file, func(ctx context.Context) error {
		return s.backend.rename(ctx, s.key(file), s.key(file)+asideSuffix)
	})
}

func (s *Slot) key(file string) string { return s.name + "/" + file }

func (s *Slot) do(ctx context.Context, file string, call func(context.Context) error) error {
	_, err := bounded(ctx, s, file, func(ctx context.Context) (struct{}, error) { return struct{}{}, call(ctx) })
	return err
}

// bounded ends after timeout. A call that hangs goes on in its goroutine, and the next call about the same file waits
// for it: a late write must not replace a newer one, and retries must not pile up. What it returns late is dropped.
func bounded[T any](ctx context.Context, s *Slot, file string, call func(context.Context) (T, error)) (
	none T, _ error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	v, _ := s.busy.LoadOrStore(file, make(chan struct{}, 1))
	busy := v.(chan struct{})
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1)
	select {
	case busy <- struct{}{}:
		go func() {
			defer cancel()
			value, err := call(ctx)
			<-busy
			done <- result{value, err}
		}()
	case <-ctx.Done():
		cancel()
		return none, ended(ctx)
	}
	select {
	case r := <-done:
		return r.value, r.err
	case <-ctx.Done():
	}
	if errors.Is(ctx.Err(), context.Canceled) {
		select {
		case r := <-done:
			return r.value, r.err
		case <-time.After(atStop):
		}
	}
	select {
	case r := <-done: // the call ended at the same moment
		return r.value, r.err
	default:
	}
	return none, ended(ctx)
}

func ended(ctx context.Context) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return fmt.Errorf("ACME_CACHE did not answer within %s", timeout)
	}
	return ctx.Err()
}
