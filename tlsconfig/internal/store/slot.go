package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
)

// Slot is one CA's part of a store, so that the state of two CAs never mixes. Every call ends within timeout, even if
// the backend does not answer.
type Slot struct {
	backend backend
	name    string
	busy    sync.Map // file → chan struct{}, full while a call about the file is running
}

// slug is a directory URL as a folder's name: readable, and different for every CA.
func slug(directoryURL string) string {
	_, rest, _ := strings.Cut(directoryURL, "://")
	out := []byte(strings.ToLower(rest))
	for i, b := range out {
		if !('a' <= b && b <= 'z' || '0' <= b && b <= '9' || b == '.' || b == '-') {
			out[i] = '-'
		}
	}
	return cmp.Or(strings.Trim(string(out), "-."), "directory")
}

// Get reads a file. See IsMissing for its error.
func (s *Slot) Get(ctx context.Context, file string) ([]byte, error) {
	return s.bounded(ctx, file, func(ctx context.Context) ([]byte, error) { return s.backend.get(ctx, s.key(file)) })
}

// Put writes a whole file or none.
func (s *Slot) Put(ctx context.Context, file string, data []byte) error {
	return s.do(ctx, file, func(ctx context.Context) error { return s.backend.put(ctx, s.key(file), data) })
}

// Remove removes a file.
func (s *Slot) Remove(ctx context.Context, file string) error {
	return s.do(ctx, file, func(ctx context.Context) error { return s.backend.remove(ctx, s.key(file)) })
}

// SetAside renames a file that could not be read to *.bad.
func (s *Slot) SetAside(ctx context.Context, file string) error {
	return s.do(ctx, file, func(ctx context.Context) error {
		return s.backend.rename(ctx, s.key(file), s.key(file)+".bad")
	})
}

func (s *Slot) key(file string) string { return s.name + "/" + file }

func (s *Slot) do(ctx context.Context, file string, call func(context.Context) error) error {
	_, err := s.bounded(ctx, file, func(ctx context.Context) ([]byte, error) { return nil, call(ctx) })
	return err
}

// bounded ends after timeout. A call that hangs goes on in its goroutine, and the next call about the same file waits
// for it: a late write must not replace a newer one, and retries must not pile up.
func (s *Slot) bounded(ctx context.Context, file string, call func(context.Context) ([]byte, error)) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	v, _ := s.busy.LoadOrStore(file, make(chan struct{}, 1))
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
	}
	select {
	case r := <-done: // the call ended at the same moment
		return r.data, r.err
	default:
	}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return nil, fmt.Errorf("ACME_CACHE did not answer within %s", timeout)
	}
	return nil, ctx.Err()
}
