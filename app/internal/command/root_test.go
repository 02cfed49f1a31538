package command_test

import (
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/gin-gonic/gin"

	"example.com/turnkey/app/internal/command"
)

func rootFiles() fstest.MapFS {
	return fstest.MapFS{
		"root/robots.txt": {Data: []byte("User-agent: *\n")}, "root/.well-known/security.txt": {Data: []byte("Contact: x\n")},
		"root/.env": {Data: []byte("secret")}, "root/robots.txt~": {Data: []byte("secret")}, "root/empty.txt": {},
	}
}

func TestFilesOfTheRootAreServedUnderTheRoot(t *testing.T) {
	t.Parallel()
	site := command.Sample()
	site.Files = rootFiles()
	s := startSite(t, prod, site, func(r *gin.Engine) {
		r.GET("/:page", func(c *gin.Context) { c.String(200, "page "+c.Param("page")) })
		r.POST("/robots.txt", func(c *gin.Context) { c.String(200, "posted") })
		r.NoRoute(func(c *gin.Context) { c.String(200, "the application") })
	})
	const root = "https://shop.test"
	for path, want := range map[string]string{
		"/robots.txt": "User-agent: *\n", "/.well-known/security.txt": "Contact: x\n", "/empty.txt": "",
		"/other.txt": "page other.txt", "/.env": "page .env", "/robots.txt~": "page robots.txt~", "/.well-known": "page .well-known",
		"/.well-known/": "the application", "/a/../robots.txt": "the application", "//robots.txt": "the application",
	} {
		resp, body := s.do("GET", root+path, "")
		if resp.StatusCode != 200 || body != want || resp.Header.Get("Strict-Transport-Security") == "" {
			t.Errorf("%s got %d %q, want %q", path, resp.StatusCode, body, want)
		}
		isFile := !strings.HasPrefix(want, "page") && !strings.HasPrefix(want, "the")
		if cache := resp.Header.Get("Cache-Control"); isFile && (cache != "no-cache" || resp.Header.Get("ETag") == "") {
			t.Errorf("%s may be kept as %q with the tag %q", path, cache, resp.Header.Get("ETag"))
		}
	}
	resp, _ := s.do("GET", root+"/robots.txt", "")
	if resp.Header.Get("Content-Type") != "text/plain; charset=utf-8" {
		t.Errorf("robots.txt is %s", resp.Header.Get("Content-Type"))
	}
	if again, _ := s.do("GET", root+"/robots.txt", "", "If-None-Match", resp.Header.Get("ETag")); again.StatusCode != 304 {
		t.Errorf("a second visit got %d, want 304", again.StatusCode)
	}
	for _, test := range []struct {
		method, path string
		status       int
	}{{"HEAD", "/robots.txt", 200}, {"POST", "/robots.txt", 200}, {"DELETE", "/robots.txt", 405}, {"POST", "/.well-known/security.txt", 405}} {
		resp, _ := s.do(test.method, root+test.path, "", "Origin", root)
		if allow := resp.Header.Get("Allow"); resp.StatusCode != test.status || test.status == 405 && allow != "GET, HEAD" {
			t.Errorf("%s %s got %d, allowed are %q", test.method, test.path, resp.StatusCode, allow)
		}
	}
	unserved := s.lines("is not served")
	if len(unserved) != 2 || unserved[0]["level"] != "WARN" {
		t.Errorf("the log names %v, want the two files that are not served", unserved)
	}
}

// A start is refused where a file could never be served, and check says so too as far as it can be known without routes.
func TestClashesAndBrokenPagesAreFaultsOfTheStart(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		args  []string
		files fstest.MapFS
		want  []string
	}{
		{nil, fstest.MapFS{"root/seen": {}}, []string{"web/root/seen", "the route GET /seen of ", "command.SampleRoutes"}},
		{nil, fstest.MapFS{"root/static/a.css": {}, "root/.well-known/acme-challenge/x": {}},
			[]string{"web/root/static/a.css", "web/root/.well-known/acme-challenge/x", "2 things are wrong"}},
		{nil, fstest.MapFS{"templates/home.html": {Data: []byte("{{.Schema}}")}}, []string{"web/templates/home.html:1", "Schema", "is Scheme meant?"}},
		{[]string{"check"}, fstest.MapFS{"templates/home.html": {Data: []byte("{{.Schema}}")}, "static/a.bak": {}},
			[]string{"home.html:1", "is Scheme meant?", "note: web/static/a.bak is not served: its name is that of an editor's backup"}},
	} {
		site := command.Sample()
		site.Files, site.Pages = fs.FS(test.files), map[string]any{}
		if test.files["templates/home.html"] != nil {
			site.Pages["home"] = command.Seen{}
		}
		var out syncBuffer
		env := map[string]string{"ENV": "prod", "TLS_MODE": "proxy", "DOMAINS": "shop.test", "HTTP_ADDR": "localhost:0"}
		code := command.Main(t.Context(), site, command.World{Args: test.args, Lookup: lookupIn(env), Stdout: &out, Stderr: &out})
		if code != 1 {
			t.Errorf("%q ended with %d:\n%s", test.want, code, out.String())
		}
		for _, want := range test.want {
			if !strings.Contains(out.String(), want) {
				t.Errorf("the start does not say %q:\n%s", want, out.String())
			}
		}
	}
}
