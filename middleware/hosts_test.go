package middleware

import (
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/gin-gonic/gin"
)

func TestHostsFollowTheSet(t *testing.T) {
	t.Parallel()
	set := NewHostSet([]string{"shop.test", "*.wild.test", "::1"})
	for host, want := range map[string]bool{
		"shop.test": true, "SHOP.Test.:8443": true, "a.wild.test": true, "[::1]:8443": true, "wild.test": false,
		"a.b.wild.test": false, "evil.test": false, "": false, "192.168.1.20": false, "shop.test@evil.test": false,
	} {
		if got := set.Allows(host); got != want {
			t.Errorf("%q allowed: %v, want %v", host, got, want)
		}
	}
	if !NewHostSet(nil).Allows("anything.example") {
		t.Error("a set without names allows nothing, want everything")
	}

	r := gin.New()
	r.Use(Hosts(set, []string{"/healthz"}, nil))
	for _, path := range []string{"/", "/healthz"} {
		r.GET(path, func(c *gin.Context) { c.Status(http.StatusNoContent) })
	}
	srv := httptest.NewServer(r)
	defer srv.Close()
	ask := func(host, path string) bool {
		req, _ := http.NewRequest("GET", srv.URL+path, nil)
		req.Host = host
		resp, err := srv.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusNoContent
	}
	if ask("192.168.1.20:8443", "/") || !ask("192.168.1.20:8443", "/healthz") {
		t.Error("an address that is not in the set should get the probe alone")
	}
	set.Set([]string{"shop.test", "192.168.1.20"})
	if !ask("192.168.1.20:8443", "/") || ask("a.wild.test", "/") {
		t.Error("the set was changed, and requests are checked against the old one")
	}
}

func TestAHostSetIsReadAndChangedAtOnce(t *testing.T) {
	set := NewHostSet([]string{"shop.test"})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 1000 {
				if !set.Allows("shop.test") {
					t.Error("a name that is in both sets was refused")
					return
				}
			}
		})
	}
	for range 1000 {
		set.Set([]string{"shop.test", "other.test"})
	}
	wg.Wait()
	if got := testing.AllocsPerRun(100, func() { set.Allows("shop.test:8443") }); got > 0 {
		t.Errorf("%v allocations a look, want none", got)
	}
}
