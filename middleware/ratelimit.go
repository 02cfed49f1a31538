package middleware

import (
	"fmt"
	"math"
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"github.com/gin-gonic/gin"
	"golang.org/x/time/rate"
)

// maxClients bounds how many clients a limit remembers: some 16 MB at the worst.
const maxClients = 1 << 16

// RateLimit lets every client make n requests at once and n more over each per, for a route or a group:
//
//	r.POST("/login", middleware.RateLimit(5, time.Minute), login)
//
// More is answered 429 with Retry-After, in seconds. A client is an IPv4 address or an IPv6 network of 64 bits, which
// is what one customer is given. Each call makes a limit of its own, in this process's memory, and forgets whom it
// has not seen for longest. n and per below 1 panic, at the start.
func RateLimit(n int, per time.Duration) gin.HandlerFunc {
	if n < 1 || per < 1 {
		panic(fmt.Errorf("middleware.RateLimit(%d, %s): both must be above zero", n, per))
	}
	seen := clients{every: rate.Every(per / time.Duration(n)), burst: n, max: maxClients / 2}
	return func(c *gin.Context) {
		if wait := seen.take(network(c.ClientIP()), time.Now()); wait > 0 {
			seconds := int(math.Ceil(wait.Seconds()))
			c.Writer.Header().Set("Retry-After", strconv.Itoa(seconds))
			c.Error(&statusError{http.StatusTooManyRequests, fmt.Sprintf("Too many requests; the next is taken in %d s", seconds)})
			c.Abort()
		}
	}
}

// network is what counts as one client.
func network(ip string) netip.Prefix {
	addr, err := netip.ParseAddr(ip)
	if err != nil { // a unix socket: all that come this way are one
		return netip.Prefix{}
	}
	addr = addr.Unmap().WithZone("")
	bits := addr.BitLen()
	if addr.Is6() {
		bits = 64
	}
	prefix, _ := addr.Prefix(bits)
	return prefix
}

// clients is a limiter a client, in two generations: when the young one is full it becomes the old one, and the old
// one, with everybody who was not seen meanwhile, is forgotten. That is as good as a list by last use, and cheaper.
type clients struct {
	every rate.Limit
	burst int
	max   int // of a generation

	mu         sync.Mutex
	young, old map[netip.Prefix]*rate.Limiter
}

// take asks for one request; wait is how long until it would be granted, 0 if it is. A refusal costs nothing: one that
// were reserved and given back could lengthen the wait of others that come at the same moment (rate.Reservation.Cancel).
func (s *clients) take(who netip.Prefix, now time.Time) (wait time.Duration) {
	l := s.of(who)
	if l.AllowN(now, 1) {
		return 0
	}
	missing := 1 - l.TokensAt(now)
	return max(1, time.Duration(missing/float64(s.every)*float64(time.Second)))
}

func (s *clients) of(who netip.Prefix) *rate.Limiter {
	s.mu.Lock()
	defer s.mu.Unlock()
	if l := s.young[who]; l != nil {
		return l
	}
	l := s.old[who]
	if l == nil {
		l = rate.NewLimiter(s.every, s.burst)
	}
	if s.young == nil || len(s.young) >= s.max {
		s.old, s.young = s.young, map[netip.Prefix]*rate.Limiter{}
	}
	s.young[who] = l
	return l
}
