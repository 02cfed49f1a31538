package kit

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"

	"example.com/turnkey/middleware/input"
)

func TestReadinessReasonIsForThisMachineOnly(t *testing.T) {
	t.Parallel()
	input.PatchGin() // or a Chain of another test does it while gin answers here
	gin.SetMode(gin.ReleaseMode)
	r := gin.New()
	r.SetTrustedProxies([]string{"127.0.0.1"})
	r.GET("/readyz", Readyz(func() error { return errors.New("the authority's own words") }))
	srv := httptest.NewServer(r)
	defer srv.Close()
	// a proxy may forward a request from outside
	for client, told := range map[string]bool{"": true, "127.0.0.1": false, "203.0.113.9": false} {
		req, _ := http.NewRequest("GET", srv.URL+"/readyz", nil)
		if client != "" {
			req.Header.Set("X-Forwarded-For", client)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		var body strings.Builder
		resp.Write(&body)
		if resp.StatusCode != 503 || strings.Contains(body.String(), "own words") != told {
			t.Errorf("a client at %q got %s, want the reason: %v", client, body.String(), told)
		}
	}
}
