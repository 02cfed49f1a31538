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

// maxClients is how many clients a limit remembers at most. They take some 16 MB.
const maxClients = 1 << 16

// RateLimit lets every client make n requests at once and n more over each per, for a route or a group:
//
//	r.POST("/login", middleware.RateLimit(5, time.Minute), login)
//
// Further requests are answered 429 with Retry-After, in seconds. A client is an IPv4 address or an IPv6 network of
// 64 bits, which is what a provider gives to one customer. Each call makes a separate limit, in this process's
// memory. It remembers 65,536 clients at most, and forgets those that have been away for longest. RateLimit panics,
// at the start, if n or per is below 1.
func RateLimit(n int, per time.Duration) gin.HandlerFunc {
	if n < 1 || per < 1 {
		panic(fmt.Errorf("middleware.RateLimit(%d, %s): both must be above zero", n, per))
	}
	seen := clients{every: rate.Every(per / time.Duration(n)), burst: n, max: maxClients / 2}
	return func(c *gin.Context) {
		if wait := seen.take(network(c.ClientIP()), time.Now()); wait > 0 {
			seconds := int(math.Ceil(wait.Seconds()))
			c.Writer.Header().Set("Retry-After", strconv.Itoa(seconds))
			text := fmt.Sprintf("Too many requests: try again in %d s", seconds)
			c.Error(&statusError{http.StatusTooManyRequests, text})
			c.Abort()
		}
	}
}

// network returns the addresses that count as one client with ip.
func network(ip string) netip.Prefix {
	addr, err := netip.ParseAddr(ip)
	if err != nil { // a unix socket, whose clients have no address: all count as one
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

// clients has a limiter for each client, in two generations. When the young generation is full it becomes the old one,
// and the clients of the old one that did not come again are forgotten. That is nearly a least-recently-used list, and
// cheaper.
type clients struct {
	every rate.Limit
	burst int
	max   int // of a generation

	mu         sync.Mutex
	young, old map[netip.Prefix]*rate.Limiter
}

// take takes one request of a client's limit. It returns 0 if the request is allowed, else how long the client has to
// wait. It does not reserve and cancel: rate.Reservation.Cancel may leave concurrent callers waiting longer.
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
