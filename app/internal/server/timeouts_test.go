package server

import (
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/gin-gonic/gin"

	"example.com/turnkey/app/kit"
	"example.com/turnkey/middleware"
)

// A body that does not arrive in time is answered 408, over both protocols. With equal timeouts net/http would reset the
// stream first, or not.
func TestASlowBodyGetsItsAnswer(t *testing.T) {
	t.Parallel()
	gin.SetMode(gin.ReleaseMode)
	r := gin.New()
	r.Use(middleware.Chain(middleware.Options{Log: slog.New(slog.DiscardHandler)})...)
	r.POST("/", kit.E(func(c *gin.Context) error {
		var in struct{ A int }
		return kit.Bind(c, &in)
	}))
	srv := httptest.NewUnstartedServer(r)
	own := (&Server{}).newServer(r)
	// The program's own timeouts, but 5 times shorter: handshakes count too.
	srv.Config.ReadTimeout, srv.Config.WriteTimeout = own.ReadTimeout/5, own.WriteTimeout/5
	srv.EnableHTTP2 = true
	srv.StartTLS()
	defer srv.Close()
	h1 := srv.Client().Transport.(*http.Transport).Clone()
	h1.ForceAttemptHTTP2, h1.TLSClientConfig.NextProtos = false, []string{"http/1.1"}
	h1.TLSNextProto = nil
	h1.Protocols = new(http.Protocols)
	h1.Protocols.SetHTTP1(true)
	var wg sync.WaitGroup
	for _, client := range []*http.Client{srv.Client(), {Transport: h1}} {
		for _, media := range []string{"application/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"} {
			for range 8 {
				wg.Go(func() {
					body, in := io.Pipe()
					defer in.CloseWithError(errors.New("the test ends"))
					go in.Write([]byte("--x\r\n"))
					resp, err := client.Post(srv.URL, media, body)
					if err != nil {
						t.Errorf("%s: %v", media, err)
						return
					}
					defer resp.Body.Close()
					if _, err := io.ReadAll(resp.Body); err != nil || resp.StatusCode != 408 {
						t.Errorf("%s %s got %d, %v", resp.Proto, media, resp.StatusCode, err)
					}
				})
			}
		}
	}
	wg.Wait()
}
