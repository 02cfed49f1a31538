package command_test

import (
	"crypto/tls"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/gin-gonic/gin"
)

// discard is a ResponseWriter that does almost no work.
type discard struct{ header http.Header }

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) Write(b []byte) (int, error) { return len(b), nil }
func (d *discard) WriteHeader(int)             {}

// benchAnswer is the response of every router: a small JSON object.
func benchAnswer(c *gin.Context) {
	c.Header("Cache-Control", "no-store")
	c.JSON(http.StatusOK, struct {
		Scheme   string `json:"scheme"`
		Protocol string `json:"protocol"`
		Host     string `json:"host"`
		Client   string `json:"client"`
		TLS      bool   `json:"tls"`
	}{"https", c.Request.Proto, c.Request.Host, c.ClientIP(), c.Request.TLS != nil})
}

func benchRoutes(r *gin.Engine) {
	r.GET("/bench", benchAnswer)
}

// BenchmarkRouter measures the time between net/http and a handler, without a socket.
func BenchmarkRouter(b *testing.B) {
	gin.SetMode(gin.ReleaseMode)
	bare := gin.New()
	bare.GET("/bench", benchAnswer)
	chain := handlerOf(b, map[string]string{"ENV": "prod", "DOMAINS": "shop.test"}, siteWith(benchRoutes), io.Discard)
	for _, bench := range []struct {
		name string
		h    http.Handler
	}{{"bare", bare}, {"chain", chain}} {
		b.Run(bench.name, func(b *testing.B) {
			req := httptest.NewRequest("GET", "https://shop.test/bench", nil)
			req.TLS = &tls.ConnectionState{Version: tls.VersionTLS13}
			w := &discard{http.Header{}}
			b.ReportAllocs()
			for b.Loop() {
				clear(w.header)
				bench.h.ServeHTTP(w, req)
			}
		})
	}
}
