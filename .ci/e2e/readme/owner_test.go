//go:build unix

package readme

import (
	"path/filepath"
	"strings"
	"testing"

	"example.com/turnkey/e2e/rig"
)

// owned are the packages whose tests an owner runs after each edit.
const owned = "go vet -tags nomsgpack ./... && go test -tags nomsgpack ./app ./handlers ./middleware"

// renamed is a clone that has its owner's name.
func renamed(t *testing.T) (dir string, env []string) {
	t.Helper()
	dir = rig.Clone(t)
	env = rig.Stranger(t, t.TempDir(), "CI=1")
	run(t, dir, env, "go run ./scripts/rename -write example.com/you/shop")
	return dir, env
}

// put writes files of a clone.
func put(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		rig.Write(t, filepath.Join(dir, name), []byte(text), 0o644)
	}
}

// change replaces text in a file of a clone; it must be there.
func change(t *testing.T, dir, file, before, after string) {
	t.Helper()
	text := string(rig.Read(t, filepath.Join(dir, file)))
	if !strings.Contains(text, before) {
		t.Fatalf("%s has no %q", file, before)
	}
	put(t, dir, map[string]string{file: strings.Replace(text, before, after, 1)})
}

// Pages, stylesheet and README of one's own, a parameter of Routes, packages and scripts: no test of the starter minds.
func TestAnOwnersSiteKeepsTheTestsGreen(t *testing.T) {
	dir, env := renamed(t)
	put(t, dir, map[string]string{
		"README.md":                 "# The shop\n\nWe sell tea.\n",
		"web/static/style.css":      "body {\n  color: teal;\n}\n",
		"web/templates/home.html":   "{{define \"home\"}}<!doctype html>\n<title>Shop</title><script src=\"/static/shop.js\"></script>\n<p style=\"color: red\">Tea.</p>{{end}}\n",
		"web/templates/error.html":  "{{define \"error\"}}<!doctype html>\n<title>Oh</title>\n<p>{{.Title}}</p>{{end}}\n",
		"web/templates/layout.html": "{{define \"header\"}}<!doctype html>\n<title>{{.}}</title>{{end}}\n{{define \"footer\"}}{{end}}\n",
		".env.example":              "#STRIPE_KEY=\n#ENV=dev\n",

		"stock/stock.go": "// Package stock is what there is to sell.\npackage stock\n\nimport \"github.com/fsnotify/fsnotify\"\n\n" +
			"// Shelf holds tea.\ntype Shelf struct{ Watcher *fsnotify.Watcher }\n",
		"scripts/seed/main.go": "// Command seed fills the shelf.\npackage main\n\nimport (\n\t\"example.com/you/shop/handlers\"\n\t\"example.com/you/shop/scripts/seed/lib\"\n\t\"example.com/you/shop/stock\"\n)\n\n" +
			"func main() { _, _ = handlers.Tea(&stock.Shelf{}), lib.Leaves }\n",
		"scripts/seed/lib/lib.go": "// Package lib counts.\npackage lib\n\n// Leaves are in a cup.\nconst Leaves = 20\n",
		"handlers/tea.go": "package handlers\n\nimport (\n\t\"io/fs\"\n\n\t\"github.com/gin-gonic/gin\"\n\n\t\"example.com/you/shop/stock\"\n\t\"example.com/you/shop/tlsconfig\"\n\t\"example.com/you/shop/web\"\n)\n\n" +
			"// Tea says what kind of shelf there is.\nfunc Tea(shelf *stock.Shelf) gin.HandlerFunc {\n\treturn func(c *gin.Context) {\n\t\t_, err := fs.Stat(web.Files, \"static/style.css\")\n" +
			"\t\tc.String(200, \"%v %v %v\", shelf != nil, err, tlsconfig.Renewed)\n\t}\n}\n",
		"app/tea_test.go": "package main\n\nimport \"testing\"\n\nfunc TestTea(t *testing.T) {\n\ts := startSite(t, prod, ownSite())\n" +
			"\tif resp, body := s.do(\"GET\", \"https://shop.test/tea\", \"\"); resp.StatusCode != 200 || body[:10] != \"true <nil>\" {\n\t\tt.Errorf(\"got %d %s\", resp.StatusCode, body)\n\t}\n}\n",
	})
	change(t, dir, "handlers/routes.go", "func Routes(r *gin.Engine, site Site) {", "func Routes(r *gin.Engine, site Site, shelf *stock.Shelf) {\n\tr.GET(\"/tea\", Tea(shelf))")
	change(t, dir, "handlers/routes.go", `import "github.com/gin-gonic/gin"`, "import (\n\t\"github.com/gin-gonic/gin\"\n\n\t\"example.com/you/shop/stock\"\n)")
	change(t, dir, "app/main.go", "routes: handlers.Routes,", "routes: func(r *gin.Engine, site handlers.Site) { handlers.Routes(r, site, &stock.Shelf{}) },")
	change(t, dir, "app/main.go", `"example.com/you/shop/tlsconfig"`, "\"example.com/you/shop/stock\"\n\t\"example.com/you/shop/tlsconfig\"")
	change(t, dir, "app/main.go", "notify: onCertificate,", "notify: onCertificate(&stock.Shelf{}),")
	put(t, dir, map[string]string{"app/certificates.go": "package main\n\nimport (\n\t\"example.com/you/shop/stock\"\n\t\"example.com/you/shop/tlsconfig\"\n)\n\n" +
		"func onCertificate(*stock.Shelf) func(tlsconfig.Event) { return func(tlsconfig.Event) {} }\n"})
	run(t, dir, env, owned)
}

// A site that has nothing of the template's own pages any more.
func TestASiteWithHealthRoutesAloneKeepsTheTestsGreen(t *testing.T) {
	dir, env := renamed(t)
	run(t, dir, env, "rm handlers/connection*.go handlers/certificate.go handlers/hello.go handlers/home.go handlers/notes*.go app/connection_test.go app/notes_test.go "+
		"web/templates/home.html web/templates/notes.html web/static/notes.*")
	put(t, dir, map[string]string{"handlers/routes.go": "// Package handlers is an owner's.\npackage handlers\n\nimport \"github.com/gin-gonic/gin\"\n\n" +
		"// BodyLimits has none.\nvar BodyLimits map[string]int64\n\n// BodyTypes has none.\nvar BodyTypes map[string][]string\n\n" +
		"// Routes are the probes.\nfunc Routes(r *gin.Engine, site Site) {\n\tr.GET(\"/healthz\", Healthz)\n\tr.GET(\"/readyz\", Readyz(site.Ready))\n}\n"})
	run(t, dir, env, owned)
}
