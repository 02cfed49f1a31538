package server

import (
	"context"
	"crypto/tls"
	"net/http"
	"sync"
	"testing"

	"github.com/gin-gonic/gin"

	"example.com/turnkey/app/kit"
)

// kit.Server is safe for concurrent use, so handlers may ask for handshakes too. That is too late to keep any, and it
// must change nothing that the listeners read. The race detector sees it if it does.
func TestAHandlerMayAskForHandshakesThatAreNotKept(t *testing.T) {
	t.Parallel()
	s := openServer(t, func(r *gin.Engine, server kit.Server) error {
		r.GET("/late", func(c *gin.Context) {
			if server.Handshakes()(c.Request) != nil {
				c.Status(http.StatusInternalServerError)
			}
		})
		return nil
	})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- s.Run(ctx, nil) }()
	var visitors sync.WaitGroup
	for range 8 {
		visitors.Go(func() {
			transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true, ServerName: "shop.test"}}
			defer transport.CloseIdleConnections()
			req, err := http.NewRequest("GET", "https://"+s.Ports.HTTPS.Addresses()+"/late", nil)
			if err != nil {
				t.Error(err)
				return
			}
			req.Host = "shop.test"
			resp, err := (&http.Client{Transport: transport}).Do(req)
			if err != nil {
				t.Error(err)
				return
			}
			resp.Body.Close()
			if resp.StatusCode != http.StatusOK {
				t.Errorf("got %s, want no handshake", resp.Status)
			}
		})
	}
	visitors.Wait()
	if s.keepsHandshakes {
		t.Error("the server keeps handshakes that no route asked for before it served")
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
