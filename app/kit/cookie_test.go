package kit_test

import (
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
