package kit_test

import (
	"net/http"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/gin-gonic/gin"

	"example.com/turnkey/app/apptest"
	"example.com/turnkey/app/kit"
)

func TestCookieIsForThisHostOnly(t *testing.T) {
	t.Parallel()
	site := apptest.Start(t, kit.Site{
		Files: fstest.MapFS{},
		Routes: func(r *gin.Engine, _ kit.Server) error {
			r.POST("/login", func(c *gin.Context) { kit.SetCookie(c, "session", "ada", 90*time.Minute) })
			r.POST("/logout", func(c *gin.Context) { kit.SetCookie(c, "session", "", -1) })
			r.GET("/whoami", func(c *gin.Context) { c.String(200, "%q", kit.Cookie(c, "session")) })
			return nil
		},
	})
	for path, want := range map[string]string{
		"/login":  "__Host-session=ada; Path=/; Max-Age=5400; HttpOnly; Secure; SameSite=Lax",
		"/logout": "__Host-session=; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=Lax",
	} {
		if got := site.PostForm(path, nil).Header.Get("Set-Cookie"); got != want {
			t.Errorf("%s set %q, want %q", path, got, want)
		}
	}
	for cookie, want := range map[string]string{"__Host-session=ada": `"ada"`, "session=mallory": `""`, "": `""`} {
		if got := site.Visitor().Get("/whoami", "Cookie", cookie).Body; got != want {
			t.Errorf("with %q the handler reads %s, want %s", cookie, got, want)
		}
	}
}

// siteOf is a site with these routes alone.
func siteOf(routes func(*gin.Engine)) kit.Site {
	return kit.Site{
		Files:  fstest.MapFS{"templates/none.html": {}, "static/none.css": {}},
		Routes: func(r *gin.Engine, _ kit.Server) error { routes(r); return nil },
	}
}

// A cookie holds any text, through a client that keeps cookies as browsers do. What browsers would drop is an error.
func TestACookieHoldsAnyText(t *testing.T) {
	t.Parallel()
	values := []string{`{"theme":"dark"}`, "ü", "a;b", " a, b ", "100%", "%41", "a\x00b\r\nc\xff", "", "\\\"", strings.Repeat("x", 4096-len("__Host-theme"))}
	tooLong := []string{strings.Repeat("x", 5000), strings.Repeat("ü", 1000), strings.Repeat("x", 4097-len("__Host-theme"))}
	site := apptest.Start(t, siteOf(func(r *gin.Engine) {
		r.POST("/set", kit.E(func(c *gin.Context) error {
			all := append(values, tooLong...)
			if err := kit.SetCookie(c, c.Query("name"), all[len(c.Query("i"))], 0); err != nil {
				return kit.Status(http.StatusConflict, err.Error())
			}
			c.Status(http.StatusNoContent)
			return nil
		}))
		r.GET("/read", func(c *gin.Context) { c.String(200, "%s", kit.Cookie(c, "theme")) })
	}))
	for i, value := range append(values, tooLong...) {
		visitor := site.Visitor()
		answer := visitor.PostForm("/set?name=theme&i="+strings.Repeat("x", i), nil)
		if i >= len(values) {
			if answer.Status != 409 || !strings.Contains(answer.Body, "browsers keep 4096") || answer.Header.Get("Set-Cookie") != "" {
				t.Errorf("%d bytes got %d %s", len(value), answer.Status, answer.Body)
			}
			continue
		}
		if got := visitor.Get("/read").Body; answer.Status != 204 || got != value {
			t.Errorf("%.40q came back as %.40q, by %d %s", value, got, answer.Status, answer.Header["Set-Cookie"])
		}
	}
	for _, name := range []string{"", "a%3Bb", "%C3%BC", "a+b", "a%0D%0Ab"} {
		if answer := site.PostForm("/set?name="+name, nil); answer.Status != 409 || answer.Header.Get("Set-Cookie") != "" {
			t.Errorf("a cookie %q got %d %s", name, answer.Status, answer.Header["Set-Cookie"])
		}
	}
}
