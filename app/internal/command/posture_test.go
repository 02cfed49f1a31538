package command

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"example.com/turnkey/app/kit"
)

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

func TestEveryAnswerKeepsItsPageToItself(t *testing.T) {
	t.Parallel()
	s := start(t, prod, faulty)
	for _, test := range []struct {
		method, url, host string
		status            int
	}{
		{"GET", "https://shop.test/", "", 200},
		{"GET", "https://shop.test/static/style.css", "", 200},
		{"GET", "https://shop.test/nowhere", "", 404},
		{"PUT", "https://shop.test/", "", 405},
		{"GET", "https://shop.test/panic", "", 500},
		{"GET", "https://shop.test/", "evil.test", 421},
		{"GET", "http://shop.test/", "", 308},
	} {
		headers := []string{}
		if test.host != "" {
			headers = []string{"Host", test.host}
		}
		resp, _ := s.do(test.method, test.url, "", headers...)
		if resp.StatusCode != test.status {
			t.Errorf("%s %s %s got %d, want %d", test.method, test.url, test.host, resp.StatusCode, test.status)
		}
		for name, want := range posture {
			if got := resp.Header.Values(name); len(got) != 1 || !strings.HasPrefix(got[0], want) {
				t.Errorf("%s %s %s: %s is %q, want it once, as %q", test.method, test.url, test.host, name, got, want)
			}
		}
		for _, name := range []string{"Server", "X-Powered-By", "Access-Control-Allow-Origin"} {
			if got := resp.Header.Get(name); got != "" {
				t.Errorf("%s %s sends %s: %s", test.method, test.url, name, got)
			}
		}
		if policy := resp.Header.Get("Content-Security-Policy"); strings.Contains(policy, "unsafe") || strings.Contains(policy, "*") {
			t.Errorf("the policy is loose: %s", policy)
		}
	}
}

func TestOtherSitesReadNothingUnlessNamed(t *testing.T) {
	t.Parallel()
	const app, evil = "https://app.test", "https://evil.test"
	settings := map[string]string{"CORS_ORIGINS": app + ", https://other.test:8443"}
	for k, v := range prod {
		settings[k] = v
	}
	s := start(t, settings, faulty)
	preflight := func(origin string) *http.Response {
		resp, _ := s.do("OPTIONS", "https://shop.test/echo", "", "Origin", origin, "Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "content-type,x-mine", "Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "cors")
		return resp
	}
	if resp := preflight(app); resp.StatusCode != 204 || resp.Header.Get("Access-Control-Allow-Origin") != app || resp.Header.Get("Access-Control-Allow-Credentials") != "true" ||
		!strings.Contains(resp.Header.Get("Access-Control-Allow-Methods"), "POST") || resp.Header.Get("Access-Control-Allow-Headers") != "content-type,x-mine" {
		t.Errorf("the named origin's preflight got %d %v", resp.StatusCode, resp.Header)
	}
	post := func(origin string) *http.Response {
		resp, _ := s.do("POST", "https://shop.test/echo", "x", "Origin", origin, "Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "cors")
		return resp
	}
	if resp := post(app); resp.StatusCode != 200 || resp.Header.Get("Access-Control-Allow-Origin") != app || !strings.Contains(resp.Header.Get("Vary"), "Origin") {
		t.Errorf("the named origin's request got %d %v", resp.StatusCode, resp.Header)
	}
	// Errors can be read as well, or nobody could tell what went wrong.
	if resp, _ := s.do("GET", "https://shop.test/nowhere", "", "Origin", app); resp.StatusCode != 404 || resp.Header.Get("Access-Control-Allow-Origin") != app {
		t.Errorf("the named origin's 404 got %d %v", resp.StatusCode, resp.Header)
	}
	for _, origin := range []string{evil, "null", "http://app.test", "https://app.test.evil.test", "https://app.test:8443", "https://other.test"} {
		for _, resp := range []*http.Response{preflight(origin), post(origin)} {
			if resp.StatusCode < 400 || resp.Header.Get("Access-Control-Allow-Origin") != "" {
				t.Errorf("%s got %d %v", origin, resp.StatusCode, resp.Header)
			}
			if !strings.Contains(resp.Header.Get("Vary"), "Origin") {
				t.Errorf("%s: a cache would hand this answer to the named origin: %v", origin, resp.Header)
			}
		}
	}
}

func TestACookieIsForThisHostAlone(t *testing.T) {
	t.Parallel()
	s := start(t, prod, func(r *gin.Engine) {
		r.POST("/test-login", func(c *gin.Context) { kit.SetCookie(c, "session", "ada", 90*time.Minute) })
		r.POST("/test-logout", func(c *gin.Context) { kit.SetCookie(c, "session", "", -1) })
		r.GET("/test-whoami", func(c *gin.Context) { c.String(200, "%q", kit.Cookie(c, "session")) })
	})
	for path, want := range map[string]string{
		"/test-login":  "__Host-session=ada; Path=/; Max-Age=5400; HttpOnly; Secure; SameSite=Lax",
		"/test-logout": "__Host-session=; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=Lax",
	} {
		if resp, _ := s.do("POST", "https://shop.test"+path, ""); resp.Header.Get("Set-Cookie") != want {
			t.Errorf("%s set %q, want %q", path, resp.Header.Get("Set-Cookie"), want)
		}
	}
	for cookie, want := range map[string]string{"__Host-session=ada": `"ada"`, "session=mallory": `""`, "": `""`} {
		if _, got := s.do("GET", "https://shop.test/test-whoami", "", "Cookie", cookie); got != want {
			t.Errorf("with %q the handler reads %s, want %s", cookie, got, want)
		}
	}
}
