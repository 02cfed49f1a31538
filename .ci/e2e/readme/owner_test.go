//go:build unix

package readme

import (
	"path/filepath"
	"strings"
	"testing"

	"example.com/turnkey/e2e/rig"
)

// shop is the module path of the owner's project.
const shop = "example.com/you/shop"

// owned are the packages whose tests run an owner's site or could depend on it.
const owned = "go vet -tags nomsgpack ./... && go test -tags nomsgpack ./app/... ./handlers ./middleware"

// renamed is a clone that has its owner's name.
func renamed(t *testing.T) (dir string, env []string) {
	t.Helper()
	dir = rig.Clone(t)
	env = rig.Stranger(t, t.TempDir(), "CI=1")
	run(t, dir, env, "go run ./scripts/rename -write "+shop)
	return dir, env
}

// put writes files of a clone.
func put(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		rig.Write(t, filepath.Join(dir, name), []byte(text), 0o644)
	}
}

// change replaces text in a file of a clone, which must contain it.
func change(t *testing.T, dir, file, before, after string) {
	t.Helper()
	text := string(rig.Read(t, filepath.Join(dir, file)))
	if !strings.Contains(text, before) {
		t.Fatalf("%s has no %q", file, before)
	}
	put(t, dir, map[string]string{file: strings.Replace(text, before, after, 1)})
}

// The owner has pages, a stylesheet, a README, packages and scripts of his own, and a parameter of Routes. The
// starter's tests still pass.
func TestStarterTestsPassOnAnOwnersSite(t *testing.T) {
	dir, env := renamed(t)
	put(t, dir, map[string]string{
		"README.md":                 "# The shop\n\nWe sell tea.\n",
		"web/static/style.css":      "body {\n  color: teal;\n}\n",
		"web/templates/home.html":   "{{define \"home\"}}<!doctype html>\n<title>Shop</title><script src=\"/static/shop.js\"></script>\n<p style=\"color: red\">Tea.</p>{{end}}\n",
		"web/templates/error.html":  "{{define \"error\"}}<!doctype html>\n<title>Oh</title>\n<p>{{.Title}}</p>{{end}}\n",
		"web/templates/layout.html": "<!doctype html>\n<title>{{.Title}}</title>{{block \"head\" .}}{{end}}{{block \"content\" .}}{{end}}\n",
		".env.example":              "#STRIPE_KEY=\n#ENV=dev\n",

		"stock/stock.go": "// Package stock is what there is to sell.\npackage stock\n\nimport \"github.com/fsnotify/fsnotify\"\n\n" +
			"// Shelf holds tea.\ntype Shelf struct{ Watcher *fsnotify.Watcher }\n",
		"scripts/seed/main.go": "// Command seed fills the shelf.\npackage main\n\nimport (\n\t\"example.com/you/shop/handlers\"\n\t\"example.com/you/shop/scripts/seed/lib\"\n\t\"example.com/you/shop/stock\"\n)\n\n" +
			"func main() { _, _ = handlers.Tea(&stock.Shelf{}), lib.Leaves }\n",
		"scripts/seed/lib/lib.go": "// Package lib counts.\npackage lib\n\n// Leaves are in a cup.\nconst Leaves = 20\n",
		"handlers/tea.go": "package handlers\n\nimport (\n\t\"io/fs\"\n\n\t\"github.com/gin-gonic/gin\"\n\n\t\"example.com/you/shop/stock\"\n\t\"example.com/you/shop/tlsconfig\"\n\t\"example.com/you/shop/web\"\n)\n\n" +
			"// Tea says what kind of shelf there is.\nfunc Tea(shelf *stock.Shelf) gin.HandlerFunc {\n\treturn func(c *gin.Context) {\n\t\t_, err := fs.Stat(web.Files, \"static/style.css\")\n" +
			"\t\tc.String(200, \"%v %v %v\", shelf != nil, err, tlsconfig.Renewed)\n\t}\n}\n",
		"handlers/tea_test.go": "package handlers_test\n\nimport (\n\t\"strings\"\n\t\"testing\"\n\n\t\"example.com/you/shop/app/apptest\"\n\t\"example.com/you/shop/handlers\"\n)\n\n" +
			"func TestTea(t *testing.T) {\n\tgot := apptest.Start(t, handlers.Site).Get(\"/tea\")\n" +
			"\tif got.Status != 200 || !strings.HasPrefix(got.Body, \"true <nil>\") {\n\t\tt.Errorf(\"got %d %s\", got.Status, got.Body)\n\t}\n}\n",
	})
	change(t, dir, "handlers/routes.go", "func Routes(r *gin.Engine, server kit.Server) error {",
		"func Routes(r *gin.Engine, server kit.Server, shelf *stock.Shelf) error {\n\tr.GET(\"/tea\", Tea(shelf))")
	change(t, dir, "handlers/routes.go", "\"example.com/you/shop/app/kit\"", "\"example.com/you/shop/app/kit\"\n\t\"example.com/you/shop/stock\"")
	change(t, dir, "handlers/site.go", "Routes:        Routes,",
		"Routes: func(r *gin.Engine, server kit.Server) error { return Routes(r, server, &stock.Shelf{}) },")
	change(t, dir, "handlers/site.go", "OnCertificate: onCertificate,", "OnCertificate: onCertificate(&stock.Shelf{}),")
	change(t, dir, "handlers/site.go", "func onCertificate(e tlsconfig.Event) {",
		"func onCertificate(*stock.Shelf) func(tlsconfig.Event) { return logCertificate }\n\nfunc logCertificate(e tlsconfig.Event) {")
	change(t, dir, "handlers/site.go", "\"example.com/you/shop/app/kit\"",
		"\"github.com/gin-gonic/gin\"\n\n\t\"example.com/you/shop/app/kit\"\n\t\"example.com/you/shop/stock\"")
	run(t, dir, env, owned)
}

// The site has none of the template's own pages any more.
func TestStarterTestsPassOnASiteWithHealthRoutesAlone(t *testing.T) {
	dir, env := renamed(t)
	run(t, dir, env, "rm handlers/home*.go handlers/connection*.go handlers/notes*.go web/*/home.* web/*/connection.* web/*/notes.*")
	run(t, dir, env, "rm -r handlers/account*.go web/templates/account")
	run(t, dir, env, "sed -i.bak '/home/d; /notes/d; /connection/d; /account/d' handlers/site.go && rm handlers/*.bak")
	put(t, dir, map[string]string{"handlers/routes.go": "// Package handlers is an owner's.\npackage handlers\n\n" +
		"import (\n\t\"github.com/gin-gonic/gin\"\n\n\t\"example.com/you/shop/app/kit\"\n)\n\n" +
		"// Routes are the probes.\nfunc Routes(r *gin.Engine, server kit.Server) error {\n" +
		"\tr.GET(\"/healthz\", kit.Healthz)\n\tr.GET(\"/readyz\", kit.Readyz(server.Ready))\n\treturn nil\n}\n"})
	run(t, dir, env, owned)
}
