package tlsconfig

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/url"
	"sync"
	"time"

	"example.com/turnkey/tlsconfig/internal/store"
)

const (
	// heldEvery is how soon a server looks again at a job that another one runs, and that takes longer than its period.
	heldEvery = 10 * time.Second
	// awayEvery is how soon a server asks the store again after it did not answer.
	awayEvery = time.Minute
	// skew is how far the clocks of servers may be apart. A run further in the future than that is a clock's mistake.
	skew = 24 * time.Hour
)

// Turns let one server at a time run a repeated job: of the servers that share a Redis or Valkey in CacheDir, or of the
// processes that share its directory. They are safe for concurrent use.
type Turns struct {
	store store.Config
	slot  *store.Slot

	mu   sync.Mutex
	last map[string]time.Time // when a server last began each job, as far as this one knows
}

// Turns returns the turns of the servers that share o.CacheDir. It opens no connection and makes no directory.
func (o Options) Turns() *Turns {
	config := o.store()
	config.Keys = nil // a time is no secret, and jobs must run even if a key is lost
	return &Turns{store: config, slot: config.Existing("jobs://jobs"), last: map[string]time.Time{}}
}

// Check returns why no turn can be taken, as far as it shows without a connection.
func (t *Turns) Check() []Fault {
	var faults []Fault
	for _, fault := range []*Fault{cmp.Or(t.store.Fault(), t.store.LockFault()), t.store.CAFault()} {
		if fault != nil {
			faults = append(faults, *fault)
		}
	}
	return faults
}

// Take calls f if no server has begun this job within the last period, and none runs it. The context of f ends with ctx,
// and when another server may begin the job, because the store has not answered for half a minute. Take returns how long
// to wait before it is called again. If the store cannot be asked, it returns an error and does not call f.
//
// Take stores the time before it calls f, so another server does not repeat the call if this one dies in f.
func (t *Turns) Take(ctx context.Context, job string, period time.Duration, f func(context.Context)) (
	wait time.Duration, err error) {
	file := fileOf(job)
	if wait, err = t.wait(ctx, file, period); wait > 0 || err != nil {
		return wait, err
	}
	lock, err := t.slot.Lock(ctx, file)
	switch {
	case errors.Is(err, store.ErrHeld):
		return min(period, heldEvery), nil
	case err != nil:
		return awayEvery, err
	}
	defer lock.Unlock(ctx)
	if wait, err = t.wait(ctx, file, period); wait > 0 || err != nil { // another server may just have had its turn
		return wait, err
	}
	began := time.Now()
	switch err := t.slot.Put(ctx, file, ".job", []byte(began.UTC().Format(time.RFC3339Nano)), lock.Fence()); {
	case errors.Is(err, store.ErrOutdated):
		return min(period, heldEvery), nil
	case err != nil:
		return awayEvery, err
	}
	t.note(file, began)
	held, end := context.WithCancel(ctx)
	defer end()
	go func() {
		for every := time.Tick(time.Second); lock.Held() == nil; {
			select {
			case <-every:
			case <-held.Done():
				return
			}
		}
		end()
	}()
	f(held)
	return t.left(file, period), nil
}

// fileOf returns what a job is called in the store. The name of a file has 255 bytes at most, with .lock or .job.
func fileOf(job string) string {
	if file := url.QueryEscape(job); len(file) <= 200 {
		return file
	}
	return fmt.Sprintf("%x", sha256.Sum256([]byte(job)))
}

// wait returns the time until the job's next turn. It reads the store if the turn seems due.
func (t *Turns) wait(ctx context.Context, file string, period time.Duration) (time.Duration, error) {
	if left := t.left(file, period); left > 0 {
		return left, nil
	}
	data, err := t.slot.Get(ctx, file+".job")
	switch {
	case store.IsMissing(err):
		return 0, nil
	case err != nil:
		return awayEvery, err
	}
	if began, err := time.Parse(time.RFC3339Nano, string(data)); err == nil { // a value that is no time is overwritten
		t.note(file, began)
	}
	return t.left(file, period), nil
}

func (t *Turns) note(file string, began time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if began.After(t.last[file]) && time.Until(began) <= skew {
		t.last[file] = began.Round(0) // without the monotonic clock, which stops while a machine is suspended
	}
}

// left returns the time until the job's next turn, as far as this server knows: 0 or less if it is due.
func (t *Turns) left(file string, period time.Duration) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	return time.Until(t.last[file].Add(period))
}
