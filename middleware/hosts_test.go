package middleware

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/gin-gonic/gin"

	"example.com/turnkey/middleware/host"
)

func TestHostsFollowTheSet(t *testing.T) {
	t.Parallel()
	set := host.NewSet([]string{"shop.test", "*.wild.test"})
	r := gin.New()
	r.Use(hosts(set, []string{"/healthz"}, nil))
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
	if !ask("a.wild.test", "/") {
		t.Error("a host of the set was refused")
	}
	if ask("192.168.1.20:8443", "/") || !ask("192.168.1.20:8443", "/healthz") {
		t.Error("an address that is not in the set should get the probe alone")
	}
	set.Replace([]string{"shop.test", "192.168.1.20"})
	if !ask("192.168.1.20:8443", "/") || ask("a.wild.test", "/") {
		t.Error("the set was changed, and requests are checked against the old one")
	}
}
