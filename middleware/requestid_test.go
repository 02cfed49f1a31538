package middleware

import (
	"io"
	"net/http/httptest"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
)

// Over HTTP/2 a connection keeps the last ids that it sent, to compress headers. They must not keep their requests in
// memory.
func TestAConnectionKeepsNoRequestThatHasEnded(t *testing.T) {
	t.Parallel()
	const requests = 40
	var freed atomic.Int64
	gin.SetMode(gin.ReleaseMode)
	r := gin.New()
	r.Use(requestID())
	r.GET("/", func(c *gin.Context) {
		rc := c.Request.Context().Value(requestContextKey{}).(*requestContext)
		runtime.AddCleanup(rc, func(int) { freed.Add(1) }, 0)
		c.String(200, rc.id)
	})
	srv := httptest.NewUnstartedServer(r)
	srv.EnableHTTP2 = true
	srv.StartTLS()
	defer srv.Close()
	for range requests {
		resp, err := srv.Client().Get(srv.URL)
		if err != nil {
			t.Fatal(err)
		}
		if id, _ := io.ReadAll(resp.Body); resp.ProtoMajor != 2 || resp.Header.Get(requestIDHeader) != string(id) {
			t.Fatalf("got %s with the id %q, and the handler has %q", resp.Proto, resp.Header.Get(requestIDHeader), id)
		}
		resp.Body.Close()
	}
	const kept = 5 // that gin and net/http still work with
	for end := time.Now().Add(10 * time.Second); freed.Load() < requests-kept && time.Now().Before(end); {
		runtime.GC()
		time.Sleep(10 * time.Millisecond)
	}
	if n := freed.Load(); n < requests-kept {
		t.Errorf("of %d requests %d are still in memory", requests, requests-n)
	}
}
