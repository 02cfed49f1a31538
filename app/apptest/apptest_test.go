package apptest_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/gin-gonic/gin"

	"example.com/turnkey/app/apptest"
	"example.com/turnkey/app/kit"
)

// shop is a site with a page, a form that redirects to another page, a cookie with the visitor's name, and JSON.
var shop = kit.Site{
	Files: fstest.MapFS{
		"templates/home.html":  {Data: []byte(`{{define "home"}}<h1>Hello, {{.}}</h1>{{end}}`)},
		"templates/error.html": {Data: []byte(`{{define "error"}}{{.Status}}{{end}}`)},
		"static/style.css":     {Data: []byte("h1 { color: teal }")},
	},
	Routes: func(r *gin.Engine, server kit.Server) error {
		r.GET("/", func(c *gin.Context) { c.HTML(200, "home", kit.Cookie(c, "name")) })
		r.POST("/name", func(c *gin.Context) {
			kit.SetCookie(c, "name", c.PostForm("name"), time.Hour)
			c.Redirect(303, "/")
		})
		r.POST("/api/sum", kit.E(func(c *gin.Context) error {
			var in []int
			if err := c.ShouldBindJSON(&in); err != nil {
				return err
			}
			c.JSON(200, gin.H{"sum": in[0] + in[1]})
			return nil
		}))
		r.GET("/panic", func(*gin.Context) { panic("out of stock") })
		r.GET("/mode", func(c *gin.Context) { c.String(200, server.TLSMode()) })
		return nil
	},
}

func TestResponsesAreThoseOfTheWholeServer(t *testing.T) {
	t.Parallel()
	site := apptest.Start(t, shop)
	t.Cleanup(func() {
		if page := site.Get("/"); page.Status != 200 {
			t.Errorf("in a cleanup the page got %d", page.Status)
		}
	})
	page := site.Get("/")
	if page.Status != 200 || page.Body != "<h1>Hello, </h1>" {
		t.Errorf("the page got %d %q", page.Status, page.Body)
	}
	for name, want := range map[string]string{
		"Strict-Transport-Security": "max-age=31536000", "X-Content-Type-Options": "nosniff",
	} {
		if got := page.Header.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	broken := site.Get("/panic", "Accept", "text/html")
	if broken.Status != 500 || strings.Contains(broken.Body, "stock") {
		t.Errorf("a panic got %d and\n%s\nwant 500 without details", broken.Status, broken.Body)
	}
	plain := site.Get("http://site.test/")
	if plain.Status != 308 || plain.Header.Get("Location") != "https://site.test/" {
		t.Errorf("plain http got %d to %q", plain.Status, plain.Header.Get("Location"))
	}
	if other := site.Get("/", "Host", "evil.test"); other.Status != 421 {
		t.Errorf("another host got %d, want 421", other.Status)
	}
	if gone := site.Do("DELETE", "/", ""); gone.Status != 405 || gone.Header.Get("Allow") != "GET, HEAD" {
		t.Errorf("DELETE got %d, allowed are %q", gone.Status, gone.Header.Get("Allow"))
	}
}

func TestClientKeepsItsCookies(t *testing.T) {
	t.Parallel()
	ada := apptest.Start(t, shop)
	sent := ada.PostForm("/name", url.Values{"name": {"Ada & Co"}})
	if sent.Status != 303 || sent.Header.Get("Location") != "/" {
		t.Errorf("the form got %d to %q, want the redirect itself", sent.Status, sent.Header.Get("Location"))
	}
	bob := ada.Visitor()
	for name, visitor := range map[string]*apptest.Site{"Ada &amp; Co": ada, "": bob} {
		if page := visitor.Get("/"); page.Body != "<h1>Hello, "+name+"</h1>" {
			t.Errorf("%q is greeted by %s", name, page.Body)
		}
	}
	bob.Client.CheckRedirect = nil
	page := bob.PostForm("/name", url.Values{"name": {"Bob"}})
	if page.Status != 200 || page.Body != "<h1>Hello, Bob</h1>" {
		t.Errorf("who follows redirects got %d %s", page.Status, page.Body)
	}
}

func TestJSONIsSentAndRead(t *testing.T) {
	t.Parallel()
	var got struct{ Sum int }
	apptest.Start(t, shop).PostJSON("/api/sum", []int{20, 22}).JSON(&got)
	if got.Sum != 42 {
		t.Errorf("got %d", got.Sum)
	}
}

func TestSettingsReplaceTheDefaults(t *testing.T) {
	t.Setenv("ENV", "nonsense") // apptest reads neither this variable
	t.Chdir(t.TempDir())
	if err := os.WriteFile(".env", []byte("HSTS=max-age=1\n"), 0o600); err != nil { // nor this file
		t.Fatal(err)
	}
	for _, test := range []struct {
		name                  string
		settings              []string
		url, mode, hsts, fail string
	}{
		{"none", nil, "https://site.test", "files", "max-age=31536000", "500"},
		{"its own", []string{"DOMAINS=shop.test, www.shop.test", "HSTS=max-age=60"}, "https://shop.test", "files", "max-age=60", "500"},
		{"no plain port", []string{"HTTP_ADDR=off"}, "https://site.test", "files", "max-age=31536000", "500"},
		{"development", []string{"ENV=dev"}, "https://localhost", "local", "max-age=0", "out of stock"},
		{"behind a proxy", []string{"TLS_MODE=proxy"}, "http://site.test", "proxy", "", "500"},
	} {
		t.Run(test.name, func(t *testing.T) {
			site := apptest.Start(t, shop, test.settings...)
			mode := site.Get("/mode")
			if site.URL != test.url || mode.Body != test.mode || mode.Header.Get("Strict-Transport-Security") != test.hsts {
				t.Errorf("%s serves %q with HSTS %q", site.URL, mode.Body, mode.Header.Get("Strict-Transport-Security"))
			}
			if got := site.Get("/panic", "Accept", "text/html"); got.Status != 500 || !strings.Contains(got.Body, test.fail) {
				t.Errorf("a panic got %d and\n%s", got.Status, got.Body)
			}
			if log := site.Log(); !strings.Contains(log, `"path":"/mode"`) || strings.Contains(log, "flush") {
				t.Errorf("the log is\n%s", log)
			}
		})
	}
}

// The test is not parallel, because slog.Default belongs to the site that started last.
func TestLogHasEveryLine(t *testing.T) {
	site := shop
	var log *slog.Logger
	site.Routes = func(r *gin.Engine, server kit.Server) error {
		log = slog.Default()
		r.GET("/order", func(c *gin.Context) { log.InfoContext(c, "ordered", "item", c.Query("item")) })
		return shop.Routes(r, server)
	}
	s := apptest.Start(t, site)
	for i := range 20 {
		s.Get(fmt.Sprint("/order?item=", i))
		if log := s.Log(); !strings.Contains(log, fmt.Sprintf(`"msg":"ordered","item":"%d"`, i)) {
			t.Fatalf("order %d is not in:\n%s", i, log)
		}
	}
	if status := s.Stop(); status != 0 || !strings.Contains(s.Log(), `"msg":"stopped"`) {
		t.Errorf("exit status %d:\n%s", status, s.Log())
	}
}

// Start must fail with the site's error. The test reads it through a testing.TB that records the message.
func TestFailedStartFailsTheTestWithTheSitesError(t *testing.T) {
	t.Parallel()
	broken := shop
	broken.Routes = func(*gin.Engine, kit.Server) error { return errors.New("no database here") }
	for _, test := range []struct {
		name     string
		site     kit.Site
		settings []string
		want     string
	}{
		{"the owner's error", broken, nil, "no database here"},
		{"a setting", shop, []string{"HSTS=for ever"}, `HSTS="for ever"`},
		{"a setting without a value", shop, []string{"HSTS"}, `"HSTS" of this test is not NAME=value`},
	} {
		t.Run(test.name, func(t *testing.T) {
			said := failed(t, func(t testing.TB) { apptest.Start(t, test.site, test.settings...) })
			if !strings.Contains(said, test.want) {
				t.Errorf("it said %q, want %q", said, test.want)
			}
		})
	}
}

func TestInvalidJSONFailsTheTest(t *testing.T) {
	t.Parallel()
	said := failed(t, func(t testing.TB) {
		var v any
		apptest.Start(t, shop).Get("/").JSON(&v)
	})
	if !strings.Contains(said, "GET / got 200 and no JSON") || !strings.Contains(said, "<h1>Hello") {
		t.Errorf("it said %q", said)
	}
}

// failed runs f with a testing.TB of its own and returns the message f failed with.
func failed(t *testing.T, f func(testing.TB)) string {
	t.Helper()
	noted := &noting{TB: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() { recover() }()
		f(noted)
	}()
	<-done
	return noted.said
}

type noting struct {
	testing.TB
	said string
}

func (n *noting) Fatalf(format string, args ...any) {
	n.said = fmt.Sprintf(format, args...)
	panic(http.ErrAbortHandler) // ends the test, as runtime.Goexit would
}

// A command writes what the site reads, as bin/shop adduser does beside the running server.
func TestCommandAndSiteShareSettingsAndFiles(t *testing.T) {
	t.Parallel()
	site := shop
	site.Settings = []kit.Setting{{Name: "GREETING", About: "what visitors read first", Default: "Hello"}}
	site.Commands = []kit.Command{{Name: "adduser", About: "add a user", Run: func(_ context.Context, call kit.Call) error {
		dir, err := call.DataDir()
		if err != nil || len(call.Args) != 1 {
			return errors.Join(err, errors.New("adduser takes a name"))
		}
		fmt.Fprintln(call.Stdout, "added", call.Args[0])
		return os.WriteFile(filepath.Join(dir, "user"), []byte(call.Args[0]), 0o600)
	}}}
	site.Routes = func(r *gin.Engine, server kit.Server) error {
		dir, err := server.DataDir()
		r.GET("/user", kit.E(func(c *gin.Context) error {
			user, err := os.ReadFile(filepath.Join(dir, "user"))
			if err != nil {
				return kit.Status(404, "no user")
			}
			c.String(200, "%s, %s", server.Setting("GREETING"), user)
			return nil
		}))
		return errors.Join(err, shop.Routes(r, server))
	}
	data := "DATA_DIR=" + filepath.Join(t.TempDir(), "data")
	if out, status := apptest.Run(t, site, []string{"adduser", "Ada"}, data); status != 0 || out != "added Ada\n" {
		t.Fatalf("exit status %d:\n%s", status, out)
	}
	if out, status := apptest.Run(t, site, []string{"adduser"}); status != 1 || out != "" {
		t.Errorf("without a name: exit status %d, %q", status, out)
	}
	s := apptest.Start(t, site, data, "GREETING=Good day")
	if page := s.Get("/user"); page.Body != "Good day, Ada" {
		t.Errorf("got %d %s", page.Status, page.Body)
	}
	if page := apptest.Start(t, site).Get("/user"); page.Status != 404 {
		t.Errorf("another site reads the same folder: %d %s", page.Status, page.Body)
	}
}

// A setting that the owner adds stops no test that does not know of it.
func TestARequiredSettingHasItsValueForTests(t *testing.T) {
	t.Parallel()
	site := kit.Site{
		Settings: []kit.Setting{{Name: "STRIPE_KEY", Required: true, InTests: "sk_test"}},
		Files:    shop.Files,
		Routes: func(r *gin.Engine, server kit.Server) error {
			r.GET("/key", func(c *gin.Context) { c.String(200, server.Setting("STRIPE_KEY")) })
			return nil
		},
	}
	if got := apptest.Start(t, site).Get("/key").Body; got != "sk_test" {
		t.Errorf("a test without the setting has %q", got)
	}
	if got := apptest.Start(t, site, "STRIPE_KEY=mine").Get("/key").Body; got != "mine" {
		t.Errorf("a test with the setting has %q", got)
	}
	if _, status := apptest.Run(t, site, []string{"check"}, "STRIPE_KEY="); status != 1 {
		t.Errorf("check without the setting ends with %d", status)
	}
}
