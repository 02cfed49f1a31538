package store

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// ErrHeld is the error of Slot.Lock while another process has the lock.
var ErrHeld = errors.New("another process has the lock")

// ErrOutdated is the error of Slot.Put if a later holder has written.
var ErrOutdated = errors.New("another process has written since")

// ErrLost is the error of Lock.Held once another process may have the lock.
var ErrLost = errors.New("the lock was lost: ACME_CACHE did not answer for too long, or this machine slept")

const (
	lease       = 30 * time.Second // after which a lock in Redis ends, if its holder does not extend it
	extendEvery = lease / 3

	// safety is what is left of the lease when its holder gives up. Calls of the holder that are under way end within
	// that time.
	safety = 5 * time.Second
)

// hold is a lock in a backend.
type hold interface {
	fence() int64 // see Lock.Fence

	// extend makes the lock last for another lease. The error is ErrLost if another process may have it.
	extend(ctx context.Context) error
	release(ctx context.Context) error
}

// Lock is the right of one process to write what is named after one thing, such as a host. It ends with Unlock. If its
// process dies, it ends at once in a directory, and after a lease in Redis. It is safe for concurrent use.
type Lock struct {
	slot  *Slot
	name  string
	hold  hold
	stop  context.CancelFunc
	ended chan struct{}

	mu    sync.Mutex
	until time.Time // zero: until Unlock
	err   error     // of Held
}

// Lock takes the lock and keeps it. The error is ErrHeld while another process has it.
func (s *Slot) Lock(ctx context.Context, name string) (_ *Lock, err error) {
	l := &Lock{slot: s, name: name, ended: make(chan struct{})}
	if s.Shared() {
		l.until = time.Now().Add(lease - safety)
	}
	l.hold, err = bounded(ctx, s, name+".lock", func(ctx context.Context) (hold, error) {
		h, err := s.backend.lock(ctx, s.key(name))
		if err == nil && ctx.Err() != nil { // Lock has returned, so no caller would give it back
			err = errors.Join(ctx.Err(), h.release(context.WithoutCancel(ctx)))
		}
		return h, err
	})
	if err != nil {
		return nil, err
	}
	ctx, l.stop = context.WithCancel(context.WithoutCancel(ctx))
	go l.keep(ctx)
	return l, nil
}

func (l *Lock) keep(ctx context.Context) {
	defer close(l.ended)
	for tick := time.Tick(extendEvery); ; {
		select {
		case <-ctx.Done():
			return
		case <-tick:
		}
		until := time.Now().Add(lease - safety)
		err := l.slot.do(ctx, l.name+".lock", l.hold.extend)
		l.mu.Lock()
		switch {
		case errors.Is(err, ErrLost):
			l.err = err
		case err == nil && !l.until.IsZero():
			l.until = until
		}
		l.mu.Unlock()
	}
}

// Held returns nil while no other process can have the lock, and ErrLost afterwards. It does not ask the store.
func (l *Lock) Held() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	// The monotonic clock stands still while a machine is suspended, and the other one can be set.
	now := time.Now()
	if l.err == nil && !l.until.IsZero() && (now.After(l.until) || now.Round(0).After(l.until.Round(0))) {
		l.err = ErrLost // for good: what was read under the lock may be old
	}
	return l.err
}

// Fence is a number that grows from holder to holder. It is 0 in a directory.
func (l *Lock) Fence() int64 { return l.hold.fence() }

// Unlock releases the lock.
func (l *Lock) Unlock(ctx context.Context) error {
	l.stop()
	<-l.ended
	return l.slot.do(context.WithoutCancel(ctx), l.name+".lock", l.hold.release)
}

// Put writes the whole file name+suffix or nothing. name is that of a lock, and fence that of the process's last lock
// of this name; 0: it never had it. If a later holder has written, Put returns ErrOutdated. A value that cannot be
// opened stays, because another process may need it; see IsSealed.
func (s *Slot) Put(ctx context.Context, name, suffix string, data []byte, fence int64) error {
	file := name + suffix
	return s.do(ctx, file, func(ctx context.Context) error {
		if old, err := s.backend.get(ctx, s.key(file)); err == nil {
			if _, err := s.seals.open(s.key(file), old); err != nil {
				return err
			}
		}
		return s.backend.put(ctx, s.key(name), suffix, s.seals.seal(s.key(file), data), fence)
	})
}

// createRetry is how often Create looks whether another process has created the file.
const createRetry = 50 * time.Millisecond

// Create writes a file that is missing or unusable, and returns what the file then holds. Of several processes that
// create it at once, one does, and all get the same. An unusable one is set aside.
func (s *Slot) Create(ctx context.Context, file string, data []byte, usable func([]byte) bool) ([]byte, error) {
	for {
		kept, err := s.Get(ctx, file)
		if err == nil && usable(kept) {
			s.Reseal(ctx, file, "")
			return kept, nil
		}
		if err != nil && !IsMissing(err) {
			return nil, err
		}
		l, err := s.Lock(ctx, file)
		switch {
		case err == nil:
			defer l.Unlock(ctx) // or its lease ends
			return s.createLocked(ctx, file, data, usable, l.Fence())
		case errors.Is(err, ErrHeld):
		case s.Shared():
			return nil, err
		default: // a file system without locks: this is probably the only process
			return s.createLocked(ctx, file, data, usable, 0)
		}
		select {
		case <-time.After(createRetry):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (s *Slot) createLocked(ctx context.Context, file string, data []byte, usable func([]byte) bool, fence int64) (
	[]byte, error) {
	kept, err := s.Get(ctx, file)
	switch {
	case IsMissing(err):
	case err != nil || usable(kept):
		return kept, err
	default:
		if err := s.SetAside(ctx, file); err != nil {
			return nil, fmt.Errorf("setting the unusable %s aside: %w", file, err)
		}
	}
	return data, s.Put(ctx, file, "", data, fence)
}

// Changes returns the names whose .pem was written since a moment that an earlier call returned; 0: all names. emptied
// says that the store has lost what it had at that moment. Repeated calls keep one connection: see Close.
func (s *Slot) Changes(ctx context.Context, since int64) (names []string, now int64, emptied bool, err error) {
	type answer struct {
		names []string
		now   int64
	}
	a, err := bounded(ctx, s, "changes", func(ctx context.Context) (a answer, err error) {
		a.names, a.now, err = s.backend.changes(ctx, s.name, since)
		return a, err
	})
	return a.names, a.now, err == nil && a.now < since, err
}

// Close closes the connection that Changes keeps to a server. Other calls work as before.
func (s *Slot) Close() { s.backend.close() }

// Shared reports whether other machines may use the store.
func (s *Slot) Shared() bool { return s.shared }
