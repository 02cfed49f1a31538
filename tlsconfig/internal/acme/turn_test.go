package acme

import (
	"testing"
	"time"

	"example.com/turnkey/tlsconfig/internal/cert"
)

// Several servers share a store that has gone away. None orders in the first half of the time for the renewal, so that
// the store can come back, and they do not come all at once in the second.
func TestWithoutTheStoreEachServerOrdersAtAMomentOfItsOwn(t *testing.T) {
	t.Parallel()
	const servers = 200
	now := time.Now()
	c := lived(90 * 24 * time.Hour)
	days := map[int]int{}
	for range servers {
		h := newSource(t, t.TempDir(), nil, "a.test").hosts[0]
		h.served, h.renewAt = cert.Candidate{Certificate: c}, c.Leaf.NotAfter.Add(-30*24*time.Hour)
		wait := h.untilAlone(now)
		left := c.Leaf.NotAfter.Sub(now.Add(wait))
		if left > 15*24*time.Hour || left < 24*time.Hour {
			t.Fatalf("it orders %s before the end, want between 15 days and one", left)
		}
		if again := h.untilAlone(now); again != wait {
			t.Fatalf("asked again, it waits %s in place of %s", again, wait)
		}
		days[int(left/(24*time.Hour))]++
	}
	for day, n := range days {
		if n > servers/4 {
			t.Errorf("%d of %d servers order %d days before the end", n, servers, day)
		}
	}
	if h := newSource(t, t.TempDir(), nil, "a.test").hosts[0]; h.untilAlone(now) <= 0 {
		t.Error("a server without a certificate orders without the store")
	}
}
