package middleware

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"golang.org/x/time/rate"

	"example.com/turnkey/middleware/input"
)

func TestEachClientHasItsOwnLimit(t *testing.T) {
	t.Parallel()
	input.PatchGin() // or a Chain of another test does it while gin answers here
	gin.SetMode(gin.ReleaseMode)
	r := gin.New()
	r.SetTrustedProxies([]string{"127.0.0.1"}) // lets the test send requests from many addresses
	r.RemoteIPHeaders = []string{"X-Forwarded-For"}
	r.Use(failures(slog.New(slog.DiscardHandler), false, ErrorPages{}))
	r.POST("/login", RateLimit(3, time.Hour), func(c *gin.Context) { c.Status(http.StatusNoContent) })
	srv := httptest.NewServer(r)
	defer srv.Close()
	try := func(from string) (status, retry int) {
		t.Helper()
		req, _ := http.NewRequest("POST", srv.URL+"/login", nil)
		req.Header.Set("X-Forwarded-For", from)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		retry, _ = strconv.Atoi(resp.Header.Get("Retry-After"))
		return resp.StatusCode, retry
	}
	for range 3 {
		if status, _ := try("192.0.2.1"); status != 204 {
			t.Errorf("within the limit got %d", status)
		}
	}
	if status, retry := try("192.0.2.1"); status != 429 || retry < 1190 || retry > 1200 {
		t.Errorf("over the limit got %d and Retry-After %d, want 429 and a third of an hour", status, retry)
	}
	if status, _ := try("192.0.2.2"); status != 204 {
		t.Errorf("another client got %d", status)
	}
	if status, _ := try("::ffff:192.0.2.1"); status != 429 {
		t.Errorf("the same client, its address written as IPv6, got %d", status)
	}
	// One IPv6 customer has 2^64 addresses, so the limit counts a /64 as one client.
	for i := range 3 {
		try("2001:db8:1:2::" + strconv.Itoa(i+1))
	}
	if status, _ := try("2001:db8:1:2:ffff::9"); status != 429 {
		t.Errorf("another address of the same /64 got %d", status)
	}
	if status, _ := try("2001:db8:1:3::1"); status != 204 {
		t.Errorf("another /64 got %d", status)
	}
}

func TestLimitRefillsWithTime(t *testing.T) {
	t.Parallel()
	s := clients{every: rate.Every(time.Second), burst: 2, max: 8}
	who, now := network("192.0.2.1"), time.Now()
	for i, want := range []time.Duration{0, 0, time.Second, time.Second} { // refused requests cost nothing
		if got := s.take(who, now); got != want {
			t.Errorf("request %d has to wait %s, want %s", i+1, got, want)
		}
	}
	if got := s.take(who, now.Add(time.Second)); got != 0 {
		t.Errorf("a second later still %s", got)
	}
}

func TestALimitsMemoryIsBounded(t *testing.T) {
	t.Parallel()
	s := clients{every: rate.Every(time.Hour), burst: 1, max: 100}
	now := time.Now()
	regular := network("192.0.2.1")
	s.take(regular, now)
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := range 1000 {
				addr := netip.AddrFrom4([4]byte{10, byte(g), byte(i >> 8), byte(i)})
				s.take(netip.PrefixFrom(addr, 32), now)
				if i%10 == 0 && s.take(regular, now) == 0 {
					t.Error("a client that comes again and again was forgotten")
				}
			}
		})
	}
	wg.Wait()
	if n := len(s.young) + len(s.old); n > 200 {
		t.Errorf("%d clients are remembered, want 200 at most", n)
	}
}

func TestFloodDoesNotLengthenTheWait(t *testing.T) {
	t.Parallel()
	s := clients{every: rate.Every(time.Second), burst: 5, max: 8}
	who := network("192.0.2.1")
	var flood sync.WaitGroup
	for range 8 {
		flood.Go(func() {
			for range 20_000 {
				s.take(who, time.Now())
			}
		})
	}
	flood.Wait()
	if wait := s.take(who, time.Now()); wait > time.Second {
		t.Errorf("after a flood the next request is taken in %s, want at most the second that one is worth", wait)
	}
}
