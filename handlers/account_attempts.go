package handlers

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"github.com/gin-gonic/gin"
)

// attempts delays repeated sign-ins to one account. It refuses none, so an attacker cannot lock the account's owner
// out. The zero value is usable, and safe for concurrent use.
type attempts struct {
	mu   sync.Mutex
	made map[attempt]*tries
}

// attempt is the account whose password is tried, and the visitor's address. Without an address it counts all
// addresses.
type attempt struct{ account, address string }

type tries struct {
	count int
	last  time.Time
}

const (
	attemptsKept = 10_000           // counters, of some 100 bytes each
	attemptLife  = 15 * time.Minute // after the last attempt
)

// delay returns how long an attempt waits. From one address 5 attempts are free, then it is 0.5 s, doubled up to 16 s.
// For all addresses together 50 are free, then it is at most 2 s, because the account's owner waits too.
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

// makeRoom removes old counters. If that is not enough, it removes a tenth of all, so that it is called rarely.
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

// network returns the visitor's address, and for IPv6 the network of 64 bits, which belongs to one visitor.
func network(c *gin.Context) string {
	address, err := netip.ParseAddr(c.ClientIP())
	if err != nil || address.Is4() {
		return c.ClientIP()
	}
	prefix, _ := address.Prefix(64)
	return prefix.String()
}
