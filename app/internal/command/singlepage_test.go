package command_test

import (
	"io/fs"
	"net/http"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/gin-gonic/gin"

	"example.com/turnkey/app/internal/command"
	"example.com/turnkey/app/kit"
)

// withFrontEnds returns the site of the tests with these files in static, and the page of app for all without a route.
func withFrontEnds(t *testing.T, static map[string]string) kit.Site {
	t.Helper()
	site := command.Sample()
	files := fstest.MapFS{}
	for name, text := range static {
		files["static/"+name] = &fstest.MapFile{Data: []byte(text)}
	}
	err := fs.WalkDir(site.Files, ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			data, readErr := fs.ReadFile(site.Files, name)
			files[name], err = &fstest.MapFile{Data: data}, readErr
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	own := site.Routes
	site.Files, site.Routes = files, func(r *gin.Engine, server kit.Server) error {
		r.NoRoute(server.SinglePage("app"))
		r.GET("/desk/*path", server.SinglePage("desk"))
		r.POST("/posted", func(c *gin.Context) { c.Status(http.StatusNoContent) })
		return own(r, server)
	}
	return site
}

func TestAFrontEndHasThePathsWithoutARoute(t *testing.T) {
	t.Parallel()
	const script = "app/assets/index-BxK2d3_q.js"
	s := startSite(t, prod, withFrontEnds(t, map[string]string{
		"app/index.html": "the app", script: "let a", "app/assets/logo.svg": "<svg/>", "app/icons.svg": "<svg></svg>",
		"app/old-BxK2d3_q.js": "let b", "desk/index.html": "the desk", "other/assets/index-BxK2d3_q.js": "let c",
	}))
	const page, forEver, asks = "text/html,*/*;q=0.8", "public, max-age=31536000, immutable", "no-cache"
	for _, test := range []struct{ method, path, accept, body, cache string }{
		{"GET", "/orders/7", page, "the app", asks},
		{"HEAD", "/orders/7", page, "", asks},
		{"GET", "/orders/", page, "the app", asks},
		{"GET", "/apiary", page, "the app", asks},
		{"GET", "/orders/7?at=1.5", page, "the app", asks},
		{"GET", "/desk/", page, "the desk", asks},
		{"GET", "/desk/drawer/3", page, "the desk", asks},
		{"GET", "/icons.svg", "image/*", "<svg></svg>", asks},
		{"GET", "/static/app/icons.svg", "image/*", "<svg></svg>", asks},
		{"GET", "/static/" + script, "*/*", "let a", forEver},
		{"GET", "/static/app/assets/logo.svg", "*/*", "<svg/>", asks},
		{"GET", "/static/app/old-BxK2d3_q.js", "*/*", "let b", asks},
		{"GET", "/static/other/assets/index-BxK2d3_q.js", "*/*", "let c", asks},
		{"GET", "/orders/7", "application/json", "404", ""},
		{"GET", "/orders/7", "", "404", ""},
		{"POST", "/orders/7", page, "404", ""},
		{"GET", "/posted", page, "405", ""},
		{"GET", "/api/orders", page, "404", ""},
		{"GET", "/gone.js", page, "404", ""},
		{"GET", "/static/app/assets/index-AxK2d3_q.js", page, "404", ""},
		{"GET", "/static/app/orders", page, "404", ""},
	} {
		resp, body := s.do(test.method, "https://shop.test"+test.path, "", "Accept", test.accept, "Sec-Fetch-Site", "same-origin")
		if status := map[string]int{"404": 404, "405": 405}[test.body]; status != 0 {
			if resp.StatusCode != status || strings.Contains(body, "the app") {
				t.Errorf("%s %s for %q got %d, want %d:\n%s", test.method, test.path, test.accept, resp.StatusCode, status, body)
			}
			continue
		}
		if resp.StatusCode != 200 || body != test.body || resp.Header.Get("Cache-Control") != test.cache {
			t.Errorf("%s %s got %d %q, to be kept as %q; want %q, %q", test.method, test.path, resp.StatusCode, body,
				resp.Header.Get("Cache-Control"), test.body, test.cache)
		}
		if csp := resp.Header.Get("Content-Security-Policy"); strings.Contains(csp, "unsafe") || csp == "" {
			t.Errorf("the policy of %s is %q", test.path, csp)
		}
	}
}

// A fresh clone has no build, and its tests and its start need none.
func TestAFrontEndThatIsNotBuiltIsSaid(t *testing.T) {
	t.Parallel()
	s := startSite(t, prod, withFrontEnds(t, nil))
	if line := s.logged("a front end is not built"); !strings.Contains(line["error"].(string), "npm run build in web/app") {
		t.Errorf("the log has %v", line)
	}
	resp, body := s.do("GET", "https://shop.test/orders/7", "", "Accept", "text/html")
	if resp.StatusCode != 503 || strings.Contains(body, "npm") {
		t.Errorf("a visitor got %d\n%s", resp.StatusCode, body)
	}
	if resp, _ := s.do("GET", "https://shop.test/seen", ""); resp.StatusCode != 200 {
		t.Errorf("the rest of the site answers %d", resp.StatusCode)
	}
}
