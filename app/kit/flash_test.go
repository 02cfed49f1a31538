package kit_test

import (
	"encoding/base64"
	"html/template"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/gin-gonic/gin"

	"example.com/turnkey/app/apptest"
	"example.com/turnkey/app/kit"
)

// flashing saves what a form sends, as a message, and shows it on the page after the redirect.
var flashing = kit.Site{
	Files: fstest.MapFS{"templates/page.html": {Data: []byte(`<p>{{.}}</p>`)}},
	Routes: func(r *gin.Engine, _ kit.Server) error {
		r.POST("/save", func(c *gin.Context) {
			kit.Flash(c, "of no interest")
			kit.Flash(c, c.PostForm("message"))
			c.Redirect(303, "/")
		})
		r.GET("/", func(c *gin.Context) {
			kit.Flashed(c)
			c.HTML(200, "page", kit.Flashed(c))
		})
		r.GET("/both", func(c *gin.Context) {
			kit.Flash(c, "the next")
			c.HTML(200, "page", kit.Flashed(c))
		})
		return nil
	},
}

func TestAFlashIsShownOnce(t *testing.T) {
	t.Parallel()
	site := apptest.Start(t, flashing)
	shows := func(path, message string) {
		t.Helper()
		page := site.Get(path)
		if want := "<p>" + template.HTMLEscapeString(message) + "</p>"; page.Body != want {
			t.Errorf("%s shows %.200q, want %.200q", path, page.Body, want)
		}
		if message != "" && page.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("a page with a message may be kept: %q", page.Header.Get("Cache-Control"))
		}
	}
	for _, message := range []string{"Saved", "", "Grüße, 世界 😀", `<script>alert("x")</script>; a="b"`, "two\r\nlines\x00", strings.Repeat("ü", 1000)} {
		site.PostForm("/save", map[string][]string{"message": {message}})
		shown := strings.ReplaceAll(message, "\x00", "\uFFFD") // as html/template writes it
		shows("/", shown)
		shows("/", "")
	}
	site.PostForm("/save", map[string][]string{"message": {"the first"}})
	shows("/both", "the first")
	shows("/", "the next")
}

func TestAFlashIsBoundedAndAVisitorsInput(t *testing.T) {
	t.Parallel()
	site := apptest.Start(t, flashing)
	sent := site.PostForm("/save", map[string][]string{"message": {strings.Repeat("ü", 9000)}})
	cookie := sent.Header.Values("Set-Cookie")[1]
	if len(cookie) > 4096 || !strings.HasPrefix(cookie, "__Host-flash=") || !strings.Contains(cookie, "HttpOnly; Secure") {
		t.Errorf("the cookie has %d bytes: %.80s…", len(cookie), cookie)
	}
	if page := site.Get("/"); !strings.HasSuffix(page.Body, "ü…</p>") {
		t.Errorf("a long message is shown as %.80s…", page.Body)
	}
	encode := base64.RawURLEncoding.EncodeToString
	for value, want := range map[string]string{
		"%%%": "", "====": "", encode(make([]byte, 3000)): "", encode([]byte("<b>\xff")): "&lt;b&gt;\uFFFD",
	} {
		page := site.Visitor().Get("/", "Cookie", "__Host-flash="+value)
		if page.Status != 200 || page.Body != "<p>"+want+"</p>" || !strings.Contains(page.Header.Get("Set-Cookie"), "Max-Age=0") {
			t.Errorf("a cookie of the visitor's own, %.20q, got %d %.80q", value, page.Status, page.Body)
		}
	}
}
