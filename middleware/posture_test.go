package middleware_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/gin-gonic/gin"

	"example.com/turnkey/app/apptest"
	"example.com/turnkey/app/kit"
	"example.com/turnkey/middleware"
)

// shop is a site with a page, a file, a handler that panics and one that reads a body.
var shop = kit.Site{
	Files: fstest.MapFS{
		"templates/home.html": {Data: []byte(`{{define "home"}}<!doctype html><title>Shop</title>{{end}}`)},
		"static/style.css":    {Data: []byte("h1 { color: teal }")},
		"static/app.js":       {Data: []byte("onmessage = e => postMessage(e.data)")},
		"static/logo.svg":     {Data: []byte(`<svg xmlns="http://www.w3.org/2000/svg"/>`)},
	},
	Routes: func(r *gin.Engine, _ kit.Server) error {
		r.GET("/", func(c *gin.Context) { c.HTML(200, "home", nil) })
		r.GET("/json", func(c *gin.Context) { c.JSON(200, gin.H{"a": 1}) })
		r.GET("/nothing", func(c *gin.Context) { c.Status(204) })
		r.GET("/moved", func(c *gin.Context) { c.Redirect(303, "/") })
		own := r.Group("/own", func(c *gin.Context) {
			c.Header("Cross-Origin-Opener-Policy", "same-origin-allow-popups")
			c.Header("Content-Security-Policy", "default-src 'self'")
			c.Writer.Header().Del("X-Frame-Options")
			c.Writer.Header()["Permissions-Policy"] = nil
		})
		for _, group := range []*gin.RouterGroup{own, r.Group("/map", middleware.CSP("img-src https://tile.test"))} {
			group.GET("/json", func(c *gin.Context) { c.JSON(200, nil) })
			group.GET("/html", func(c *gin.Context) { c.HTML(200, "home", nil) })
		}
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

// always are the headers of every response, and ofDocuments those of documents alone.
var (
	always = map[string]string{
		"Cross-Origin-Resource-Policy": "same-origin",
		"Strict-Transport-Security":    "max-age=",
		"X-Content-Type-Options":       "nosniff",
		"X-Frame-Options":              "DENY",
	}
	ofDocuments = map[string]string{
		"Content-Security-Policy":    "default-src 'none'; ",
		"Cross-Origin-Opener-Policy": "same-origin",
		"Origin-Agent-Cluster":       "?1",
		"Permissions-Policy":         "camera=()",
		"Referrer-Policy":            "strict-origin-when-cross-origin",
	}
)

// has checks that an answer has each header once, or, without want, not at all.
func has(t *testing.T, what string, header http.Header, headers map[string]string, want bool) {
	t.Helper()
	for name, value := range headers {
		values := header.Values(name)
		if want && (len(values) != 1 || !strings.HasPrefix(values[0], value)) || !want && len(values) > 0 {
			t.Errorf("%s: %s is %q; once, as %q: want %v", what, name, values, value, want)
		}
	}
}

func TestEveryResponseHasTheSecurityHeadersOfItsKind(t *testing.T) {
	t.Parallel()
	site := apptest.Start(t, shop)
	for _, test := range []struct {
		method, path, host string
		status             int
		document           bool // where a browser asks, so that errors are pages
	}{
		{"GET", "/", "site.test", 200, true},
		{"HEAD", "/", "site.test", 200, true},
		{"GET", "/static/style.css", "site.test", 200, false},
		{"HEAD", "/static/style.css", "site.test", 200, false},
		{"GET", "/static/app.js", "site.test", 200, true}, // a worker takes its policy from its script
		{"GET", "/static/logo.svg", "site.test", 200, true},
		{"GET", "/json", "site.test", 200, false},
		{"GET", "/nowhere", "site.test", 404, true},
		{"PUT", "/", "site.test", 405, true},
		{"GET", "/panic", "site.test", 500, true},
		{"GET", "/", "evil.test", 421, true},
		{"GET", "/nothing", "site.test", 204, true},
		{"GET", "/moved", "site.test", 303, true},
		{"GET", "http://site.test/", "site.test", 308, true},
	} {
		what := test.method + " " + test.path + " of " + test.host
		for _, accept := range []string{"text/html", "application/json"} {
			got := site.Do(test.method, test.path, "", "Host", test.host, "Accept", accept)
			if got.Status != test.status {
				t.Errorf("%s got %d, want %d", what, got.Status, test.status)
			}
			isProblem := got.Header.Get("Content-Type") == "application/problem+json"
			if isProblem != (got.Status >= 400 && accept != "text/html") {
				t.Errorf("%s for %s got %s", what, accept, got.Header.Get("Content-Type"))
			}
			has(t, what, got.Header, ofDocuments, test.document && !isProblem)
			if !strings.HasPrefix(test.path, "http:") { // no HSTS over plain HTTP
				has(t, what, got.Header, always, true)
			}
			for _, name := range []string{"Server", "X-Powered-By", "Access-Control-Allow-Origin"} {
				if value := got.Header.Get(name); value != "" {
					t.Errorf("%s sends %s: %s", what, name, value)
				}
			}
			policy := got.Header.Get("Content-Security-Policy")
			if strings.Contains(policy, "unsafe") || strings.Contains(policy, "*") {
				t.Errorf("the policy is loose: %s", policy)
			}
		}
	}
	// The answer to a browser that has the file replaces the headers that it keeps with it.
	etag := site.Get("/static/app.js").Header.Get("Etag")
	got := site.Get("/static/app.js", "If-None-Match", etag)
	if got.Status != http.StatusNotModified {
		t.Errorf("a second visit got %d", got.Status)
	}
	has(t, "304", got.Header, ofDocuments, true)
}

// What a handler sets is sent, whatever it answers with, and what it takes away is not.
func TestHandlersDecideAboutTheirOwnHeaders(t *testing.T) {
	t.Parallel()
	site := apptest.Start(t, shop)
	for path, want := range map[string][]string{
		"/own/json": {"same-origin-allow-popups", "default-src 'self'", ""},
		"/own/html": {"same-origin-allow-popups", "default-src 'self'", ""},
		"/map/json": {"", "img-src 'self' https://tile.test", "DENY"},
		"/map/html": {"same-origin", "img-src 'self' https://tile.test", "DENY"},
	} {
		got := site.Get(path)
		for i, name := range []string{"Cross-Origin-Opener-Policy", "Content-Security-Policy", "X-Frame-Options"} {
			if sent := got.Header.Get(name); (sent == "") != (want[i] == "") || !strings.Contains(sent, want[i]) {
				t.Errorf("%s: %s is %q, want %q", path, name, sent, want[i])
			}
		}
		if sent, ok := got.Header["Permissions-Policy"]; ok && strings.HasPrefix(path, "/own") {
			t.Errorf("%s: the Permissions-Policy that the handler set to nil is %q", path, sent)
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
