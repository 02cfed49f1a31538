package middleware

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
)

func TestRouteCanRelaxItsOwnPolicyOnly(t *testing.T) {
	t.Parallel()
	r := gin.New()
	r.Use(securityHeaders())
	ok := func(c *gin.Context) { c.Status(http.StatusNoContent) }
	r.GET("/", ok)
	r.GET("/map", CSP("img-src https://tile.test data:", "worker-src 'self'"), ok)
	r.GET("/video", CSP("worker-src blob:", "script-src-elem https://cdn.test", "frame-src https://video.test",
		"report-to site"), ok)
	r.GET("/embedded", CSP("frame-ancestors https://partner.test"), ok)
	shop := r.Group("/shop", CSP("connect-src https://api.test"))
	shop.GET("/", ok)
	shop.GET("/map", CSP("img-src https://tile.test"), ok)
	srv := httptest.NewServer(r)
	defer srv.Close()
	directive := func(path, name string) string {
		resp, err := http.Get(srv.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		for d := range strings.SplitSeq(resp.Header.Get(cspHeader), "; ") {
			if strings.HasPrefix(d, name+" ") {
				return strings.TrimPrefix(d, name+" ")
			}
		}
		return ""
	}
	for range 2 { // the second request must get the same policies
		for _, test := range []struct{ path, directive, want string }{
			{"/", "default-src", "'none'"},
			{"/", "img-src", "'self'"},
			{"/", "worker-src", ""},
			{"/map", "img-src", "'self' https://tile.test data:"},
			{"/map", "worker-src", "'self'"},
			{"/map", "script-src", "'self'"},
			{"/video", "worker-src", "'self' blob:"},
			{"/video", "script-src-elem", "'self' https://cdn.test"},
			{"/video", "frame-src", "https://video.test"},
			{"/video", "report-to", "site"},
			{"/embedded", "frame-ancestors", "https://partner.test"},
			{"/shop/", "connect-src", "'self' https://api.test"},
			{"/shop/", "img-src", "'self'"},
			{"/shop/map", "connect-src", "'self' https://api.test"},
			{"/shop/map", "img-src", "'self' https://tile.test"},
		} {
			if got := directive(test.path, test.directive); got != test.want {
				t.Errorf("%s has %s %q, want %q", test.path, test.directive, got, test.want)
			}
		}
	}
}

func TestEveryKindOfSourceIsTaken(t *testing.T) {
	t.Parallel()
	for _, d := range []string{"img-src * data: blob: https: 'self' *.tile.test https://*.tile.test:*/a/b%20c http://localhost:3000",
		"script-src 'nonce-dGVzdA==' 'sha256-4uVB/c+fd-_=' 'strict-dynamic' 'wasm-unsafe-eval' 'report-sample' 127.0.0.1:8080",
		"connect-src wss://chat.test ws:", "frame-ancestors 'self' https://a.test", "sandbox allow-forms allow-scripts", "sandbox",
		"upgrade-insecure-requests", "require-trusted-types-for 'script'", "trusted-types default 'allow-duplicates'",
		"report-uri /csp", "style-src-attr 'unsafe-hashes'", "script-src HTTPS://CDN.test"} {
		CSP(d)
	}
}

func TestInvalidDirectiveStopsTheStart(t *testing.T) {
	t.Parallel()
	for bad, want := range map[string]string{
		"":                              "does not begin with a directive",
		"https://tile.test":             "does not begin with a directive",
		"img-src a.test; script-src *":  "its own argument",
		"img-src a.test, b.test":        "its own argument",
		"img-src a.test\r\nX-Evil: yes": "its own argument",
		"script-src self":               "needs quotes: 'self'",
		"script-src 'self' nonce-abc":   "needs quotes: 'nonce-abc'",
		"script-src 'self":              "needs quotes: 'self'",
		`script-src "self"`:             "needs quotes: 'self'",
		"script-src unsafe-inline":      "needs quotes: 'unsafe-inline'",
		"script-src ‘self’":             "straight quotes",
		"script-src 'slef'":             "is no source",
		"script-src 'unsafe-inlined'":   "is no source",
		"script-src 'sha256-'":          "is no source",
		"img-src data":                  "needs a colon: data:",
		"img-src https:/tile.test":      "is no source",
		"img-src https://":              "is no source",
		"img-src tile.*":                "is no source",
		"img-src https://a.test/x?y":    "is no source",
		"img-src 'none'":                "adds no source",
		"img-src":                       "names no source",
		"image-src *":                   "no directive image-src: they know base-uri,",
		"img *":                         "no directive img:",
	} {
		func() {
			defer func() {
				if err, _ := recover().(error); err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("CSP(%q) panicked with %v, want %q", bad, err, want)
				}
			}()
			CSP(bad)
		}()
	}
}
