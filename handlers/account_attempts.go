package handlers

import (
	"context"
	"sync"
	"time"
)

// attempts slows down who guesses passwords. It refuses nothing, so strangers cannot lock the owner of an account out.
// The zero value is usable, and safe for concurrent use.
type attempts struct {
	mu   sync.Mutex
	made map[attempt]*tries
}

// attempt is whose password is tried, and from where. Without an address it is the account as a whole.
type attempt struct{ account, address string }

type tries struct {
	count int
	last  time.Time
}

const (
	attemptsKept = 10_000           // counters, of some 100 bytes each
	attemptLife  = 15 * time.Minute // after the last attempt
)

// delays are how long an attempt waits: from one address soon and long, from all addresses together late and shortly,
// since the account's owner has to wait for that too.
func (key attempt) delay(count int) time.Duration {
	free, longest := 5, 16*time.Second
	if key.address == "" {
		free, longest = 50, 2*time.Second
	}
	if count <= free {
		return 0
	}
	return min(longest, 500*time.Millisecond<<min(count-free-1, 10))
}

// wait counts an attempt, and waits as long as it has to. It returns an error if the visitor leaves before.
func (a *attempts) wait(ctx context.Context, account, address string) error {
	d := max(a.count(attempt{account, address}), a.count(attempt{account: account}))
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// count counts before the password is compared, so that attempts at once do not pass together.
func (a *attempts) count(key attempt) time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.made == nil {
		a.made = map[attempt]*tries{}
	}
	t := a.made[key]
	if t == nil || time.Since(t.last) > attemptLife {
		a.makeRoom()
		t = &tries{}
		a.made[key] = t
	}
	t.count, t.last = t.count+1, time.Now()
	return key.delay(t.count)
}

// makeRoom removes the counters that are old, and a tenth of all where that is not enough, so that it is called rarely.
func (a *attempts) makeRoom() {
	if len(a.made) < attemptsKept {
		return
	}
	for key, t := range a.made {
		if time.Since(t.last) > attemptLife || len(a.made) > attemptsKept*9/10 {
			delete(a.made, key)
		}
	}
}

// forget stops counting against an address from which the right password came.
func (a *attempts) forget(account, address string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.made, attempt{account, address})
}
