package middleware_test

import (
	"io"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/gin-gonic/gin"

	"example.com/turnkey/app/apptest"
	"example.com/turnkey/app/kit"
)

// shop is a site with a page, a file, a handler that panics and one that reads a body.
var shop = kit.Site{
	Files: fstest.MapFS{
		"templates/home.html": {Data: []byte(`{{define "home"}}<!doctype html><title>Shop</title>{{end}}`)},
		"static/style.css":    {Data: []byte("h1 { color: teal }")},
	},
	Routes: func(r *gin.Engine, _ kit.Server) error {
		r.GET("/", func(c *gin.Context) { c.HTML(200, "home", nil) })
		r.GET("/panic", func(*gin.Context) { panic("secret inside") })
		r.POST("/echo", kit.E(func(c *gin.Context) error {
			data, err := io.ReadAll(c.Request.Body)
			if err != nil {
				return err
			}
			c.String(200, "%d", len(data))
			return nil
		}))
		return nil
	},
}

var posture = map[string]string{
	"Content-Security-Policy":      "default-src 'none'; ",
	"Cross-Origin-Opener-Policy":   "same-origin",
	"Cross-Origin-Resource-Policy": "same-origin",
	"Origin-Agent-Cluster":         "?1",
	"Permissions-Policy":           "camera=()",
	"Referrer-Policy":              "strict-origin-when-cross-origin",
	"X-Content-Type-Options":       "nosniff",
	"X-Frame-Options":              "DENY",
}

func TestEveryResponseHasTheSecurityHeaders(t *testing.T) {
	t.Parallel()
	site := apptest.Start(t, shop)
	for _, test := range []struct {
		method, path, host string
		status             int
	}{
		{"GET", "/", "site.test", 200},
		{"GET", "/static/style.css", "site.test", 200},
		{"GET", "/nowhere", "site.test", 404},
		{"PUT", "/", "site.test", 405},
		{"GET", "/panic", "site.test", 500},
		{"GET", "/", "evil.test", 421},
		{"GET", "http://site.test/", "site.test", 308},
	} {
		got := site.Do(test.method, test.path, "", "Host", test.host)
		if got.Status != test.status {
			t.Errorf("%s %s of %s got %d, want %d", test.method, test.path, test.host, got.Status, test.status)
		}
		for name, want := range posture {
			if values := got.Header.Values(name); len(values) != 1 || !strings.HasPrefix(values[0], want) {
				t.Errorf("%s %s of %s: %s is %q, want it once, as %q", test.method, test.path, test.host, name, values, want)
			}
		}
		for _, name := range []string{"Server", "X-Powered-By", "Access-Control-Allow-Origin"} {
			if value := got.Header.Get(name); value != "" {
				t.Errorf("%s %s sends %s: %s", test.method, test.path, name, value)
			}
		}
		policy := got.Header.Get("Content-Security-Policy")
		if strings.Contains(policy, "unsafe") || strings.Contains(policy, "*") {
			t.Errorf("the policy is loose: %s", policy)
		}
	}
}

func TestOnlyNamedOriginsCanReadResponses(t *testing.T) {
	t.Parallel()
	const named = "https://app.test"
	site := apptest.Start(t, shop, "CORS_ORIGINS="+named+", https://other.test:8443")
	preflight := func(origin string) *apptest.Answer {
		return site.Do("OPTIONS", "/echo", "", "Origin", origin, "Access-Control-Request-Method", "POST",
			"Access-Control-Request-Headers", "content-type,x-mine", "Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "cors")
	}
	post := func(origin string) *apptest.Answer {
		return site.Do("POST", "/echo", "x", "Origin", origin, "Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "cors")
	}
	allowed := func(a *apptest.Answer) string { return a.Header.Get("Access-Control-Allow-Origin") }

	got := preflight(named)
	if got.Status != 204 || allowed(got) != named || got.Header.Get("Access-Control-Allow-Credentials") != "true" ||
		!strings.Contains(got.Header.Get("Access-Control-Allow-Methods"), "POST") ||
		got.Header.Get("Access-Control-Allow-Headers") != "content-type,x-mine" {
		t.Errorf("the named origin's preflight got %d %v", got.Status, got.Header)
	}
	got = post(named)
	if got.Status != 200 || allowed(got) != named || !strings.Contains(got.Header.Get("Vary"), "Origin") {
		t.Errorf("the named origin's request got %d %v", got.Status, got.Header)
	}
	// The named origin can also read errors. Otherwise its scripts could not tell what went wrong.
	if got := site.Get("/nowhere", "Origin", named); got.Status != 404 || allowed(got) != named {
		t.Errorf("the named origin's 404 got %d %v", got.Status, got.Header)
	}
	for _, origin := range []string{"https://evil.test", "null", "http://app.test", "https://app.test.evil.test",
		"https://app.test:8443", "https://other.test"} {
		for _, got := range []*apptest.Answer{preflight(origin), post(origin)} {
			if got.Status < 400 || allowed(got) != "" {
				t.Errorf("%s got %d %v", origin, got.Status, got.Header)
			}
			if !strings.Contains(got.Header.Get("Vary"), "Origin") {
				t.Errorf("%s: a cache would hand this answer to the named origin: %v", origin, got.Header)
			}
		}
	}
}
