package kit

import (
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
)

func TestAStreamOutlivesTheServersTimeouts(t *testing.T) {
	t.Parallel()
	gin.SetMode(gin.ReleaseMode)
	const timeout = 2 * time.Second // long enough that a busy machine sends in time what is to be sent
	r := gin.New()
	tick := func(c *gin.Context) {
		for range 6 {
			select {
			case <-c.Request.Context().Done():
				return
			case <-time.After(timeout / 4):
			}
			c.Writer.WriteString("tick")
			c.Writer.Flush()
		}
	}
	r.GET("/cut", tick)
	r.GET("/stream", func(c *gin.Context) {
		if err := Stream(c); err != nil {
			t.Error(err)
		}
		tick(c)
	})
	var visitors sync.WaitGroup // they wait at the same time
	defer visitors.Wait()
	for _, h2 := range []bool{false, true} {
		srv := httptest.NewUnstartedServer(r)
		srv.Config.ReadTimeout, srv.Config.WriteTimeout = timeout, timeout
		srv.EnableHTTP2 = h2
		srv.StartTLS()
		t.Cleanup(srv.Close)
		visitors.Go(func() {
			if _, err := read(srv.Client(), srv.URL+"/cut"); err == nil {
				t.Errorf("h2 %v: without Stream the answer outlived the timeouts, so this test shows nothing", h2)
			}
		})
		visitors.Go(func() {
			if got, err := read(srv.Client(), srv.URL+"/stream"); err != nil || len(got) != 24 {
				t.Errorf("h2 %v: got %q %v, want the whole stream", h2, got, err)
			}
		})
	}
}

func read(client *http.Client, url string) (string, error) {
	resp, err := client.Get(url)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	return string(data), err
}
