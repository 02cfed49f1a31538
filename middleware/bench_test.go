package middleware

import (
	"crypto/tls"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"example.com/turnkey/middleware/host"
	"example.com/turnkey/middleware/proxyheader"
)

type discard struct{ header http.Header }

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) Write(b []byte) (int, error) { return len(b), nil }
func (d *discard) WriteHeader(int)             {}

// BenchmarkMiddleware measures what each middleware adds to a request. "none" is gin alone.
func BenchmarkMiddleware(b *testing.B) {
	gin.SetMode(gin.ReleaseMode)
	logger := slog.New(slog.NewJSONHandler(io.Discard, nil))
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	scheme := forwarded(proxyheader.Policy{TLSEnds: true})
	for _, bench := range []struct {
		name string
		h    []gin.HandlerFunc
	}{
		{"none", nil},
		{"forwarded", []gin.HandlerFunc{forwarded(proxyheader.Policy{Trusted: trusted, TLSEnds: true})}},
		{"requestID", []gin.HandlerFunc{requestID()}},
		{"accessLog", []gin.HandlerFunc{accessLog(logger)}},
		{"hsts", []gin.HandlerFunc{scheme, hsts("max-age=31536000")}},
		{"securityHeaders", []gin.HandlerFunc{securityHeaders()}},
		{"CSP", []gin.HandlerFunc{securityHeaders(), CSP("img-src data:")}},
		{"cors", []gin.HandlerFunc{cors([]string{"https://app.test"}, nil)}},
		{"RateLimit", []gin.HandlerFunc{RateLimit(1<<30, time.Second)}},
		{"failures", []gin.HandlerFunc{failures(logger, false, ErrorPages{})}},
		{"hosts", []gin.HandlerFunc{hosts(host.NewSet([]string{"shop.test"}), []string{"/healthz"}, nil)}},
		{"redirectToHTTPS", []gin.HandlerFunc{scheme, redirectToHTTPS(Options{})}},
		{"sameOrigin", []gin.HandlerFunc{sameOrigin(nil)}},
		{"mediaTypes", []gin.HandlerFunc{mediaTypes(nil)}},
		{"limitBody", []gin.HandlerFunc{limitBody(nil)}},
	} {
		b.Run(bench.name, func(b *testing.B) {
			r := gin.New()
			r.Use(bench.h...)
			r.GET("/", func(c *gin.Context) { c.Status(http.StatusNoContent) })
			req := httptest.NewRequest("GET", "https://shop.test/", nil)
			req.TLS = &tls.ConnectionState{}
			w := &discard{http.Header{}}
			b.ReportAllocs()
			for b.Loop() {
				r.ServeHTTP(w, req)
			}
		})
	}
}

// TestOnlyIdentityAndLogAllocate checks that the rest of the chain allocates no memory. It compares with gin alone,
// because the race detector empties gin's pool at random.
func TestOnlyIdentityAndLogAllocate(t *testing.T) {
	allocations := func(h ...gin.HandlerFunc) float64 {
		r := gin.New()
		r.Use(h...)
		r.GET("/", func(c *gin.Context) { c.Status(http.StatusNoContent) })
		req := httptest.NewRequest("GET", "https://shop.test/", nil)
		req.TLS, req.Body = &tls.ConnectionState{}, io.NopCloser(http.NoBody) // as over HTTP/2
		w := &discard{http.Header{}}
		const n = 5000
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for range n {
			r.ServeHTTP(w, req)
		}
		runtime.ReadMemStats(&after)
		return float64(after.Mallocs-before.Mallocs) / n
	}
	bare := allocations(requestID())
	if more := bare - allocations(); more > 2.3 { // the context with all that is known of the request, and the request with it
		t.Errorf("the id takes %.2f allocations a request", more)
	}
	chain := allocations(forwarded(proxyheader.Policy{TLSEnds: true}), requestID(), hsts("max-age=31536000"), securityHeaders(),
		CSP("img-src data:"), cors(nil, nil), failures(slog.New(slog.DiscardHandler), false, ErrorPages{}),
		hosts(host.NewSet([]string{"shop.test"}), nil, nil), redirectToHTTPS(Options{}),
		sameOrigin(nil), mediaTypes(nil), limitBody(nil))
	if chain-bare > 0.3 {
		t.Errorf("%.2f allocations a request, and %.2f with the id alone", chain, bare)
	}
}
