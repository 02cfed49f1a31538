package acme

import (
	"log/slog"
	"slices"
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

// The store is away from before the renewal until the certificate ends. Each replica then orders alone, at a moment that
// it draws by the code that a server runs. The model prints what the CA sees of it, and what the store sees of a fleet:
//
//	go test -tags nomsgpack -run TestModel -v ./tlsconfig/internal/acme
func TestModelOfManyReplicas(t *testing.T) {
	t.Parallel()
	const life, hour, day = 90 * 24 * time.Hour, time.Hour, 24 * time.Hour
	t.Logf("%9s %22s %22s %18s", "replicas", "first order, days left", "last order, days left", "most in an hour")
	for _, replicas := range []int{3, 50, 1000} {
		var left []time.Duration // of the certificate's life, when each orders
		for range replicas {
			h := newHost(&Source{options: Options{Log: slog.New(slog.DiscardHandler)}}, "shop.test")
			now := time.Now()
			h.serve(cert.Candidate{Certificate: lived(life)}, now)
			left = append(left, life-h.untilAlone(now))
		}
		slices.Sort(left)
		first, last := left[len(left)-1], left[0]
		most := 0
		for i := range left {
			n := 1
			for n < len(left)-i && left[i+n]-left[i] < hour {
				n++
			}
			most = max(most, n)
		}
		t.Logf("%9d %22.1f %22.1f %18d", replicas, first.Hours()/24, last.Hours()/24, most)
		if first > 15*day+hour || last < day {
			t.Errorf("%d replicas order with %s to %s left, want 15 days to 1 day", replicas, first, last)
		}
		if limit := 3 + replicas/40; most > limit { // 14 days have 336 hours
			t.Errorf("%d of %d replicas order within one hour, want %d at most", most, replicas, limit)
		}
	}
	const hosts, replicas = 10_000, 1000
	perWeek := hosts * float64(7*day) / float64(life-life/3)
	t.Logf("%d hosts: %.0f renewals a week, %.1f in 3 h; Let's Encrypt takes 300 new orders in 3 h, so the first ones take %.1f days",
		hosts, perWeek, perWeek/56, hosts/300.0*3/24)
	t.Logf("%d replicas: %d questions a second to the store for changes, %.0f for ticket keys",
		replicas, replicas/int(followEvery/time.Second), replicas/60.0)
}
