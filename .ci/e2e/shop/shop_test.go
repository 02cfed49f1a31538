//go:build unix

// Package shop builds a shop on a renamed clone, as the READMEs say: products, carts and orders in SQLite, accounts,
// pictures, an API, events, a WebSocket, a job, a setting, a command, and a front end of Vite. Visitors use it in a
// browser. Then the project gets a newer version of the starter, and loses the examples.
package shop

import (
	"bytes"
	"io/fs"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"example.com/turnkey/e2e/rename/clone"
	"example.com/turnkey/e2e/rig"
)

func TestMain(m *testing.M) { rig.Main(m) }

const (
	owner = "testdata/owner" // the owner's files
	most  = 650              // lines that an owner has to write for all of this
)

// edits are the owner's in files that came with the starter.
var edits = []struct{ file, before, after string }{
	{"handlers/routes.go", "\tr.GET(\"/\", home(server))\n", `	shop, err := openShop(server)
	if err != nil {
		return err
	}
	shop.routes(r)
	shop.orderRoutes(r)
	shop.deskRoutes(r)
`},
	{"handlers/site.go", "\t\t\"home\":  firstPage{},\n", `		"home":  homePage{},
		"cart":         cartPage{},
		"orders":       ordersPage{},
		"support":      page{},
		"desk/product": productPage{},
`},
	{"handlers/site.go", "\t\t[]kit.Setting{},", "\t\tshopSettings,\n\t\t[]kit.Setting{},"},
	{"handlers/site.go", "\t\t[]kit.Command{},", "\t\tshopCommands,\n\t\t[]kit.Command{},"},
	{"handlers/site.go", "\t// BodyLimits: map", "\tBodyLimits: map[string]int64{\"/desk/product\": 8 << 20},\n" +
		"\t// BodyLimits: map"},
	{"web/templates/layout.html", "<nav aria-label=\"Site\">", `<nav aria-label="Site">
<a href="/cart">Cart</a>
<a href="/orders">Orders</a>
<a href="/support">Ask us</a>
`},
}

func TestAnOwnersShop(t *testing.T) {
	starter := clone.Of(t, clone.Root(t))
	starter.Run(t, "git checkout -qB main")
	p := clone.Of(t, starter.Dir)
	p.Run(t, "git remote rename origin starter && go run ./scripts/rename -write "+clone.Shop)
	p.Commit(t, "Rename")
	p.Vite(t)
	p.Commit(t, "Begin the desk")
	lines := write(t, p)
	p.Run(t, "go get modernc.org/sqlite@v1.62.0")
	p.Run(t, "make build")
	p.Commit(t, "Sell tea")
	if t.Logf("the owner wrote %d lines", lines); lines > most {
		t.Errorf("the owner wrote %d lines, want at most %d", lines, most)
	}

	t.Run("used", func(t *testing.T) {
		t.Run("tested", func(t *testing.T) { t.Parallel(); isWhole(t, p) })
		t.Run("sells", func(t *testing.T) { t.Parallel(); sells(t, p) })
	})
	t.Run("gets a newer starter", func(t *testing.T) { isUpgraded(t, starter, p) })
	t.Run("loses the examples", func(t *testing.T) { losesExamples(t, p) })
}

// write adds the owner's files, and edits those of the starter. It returns how many lines the owner wrote, without
// empty ones and without what npm has made.
func write(t *testing.T, p *clone.Project) (lines int) {
	t.Helper()
	lines = 2 // of vite.config.ts
	err := filepath.WalkDir(owner, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		to, err := filepath.Rel(owner, name)
		text := rig.Read(t, name)
		rig.Write(t, filepath.Join(p.Dir, to), text, 0o644)
		lines += count(string(text))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range edits {
		p.Replace(t, e.file, e.before, e.after)
		for line := range strings.Lines(e.after) {
			if !strings.Contains(e.before, strings.TrimSpace(line)) {
				lines++
			}
		}
	}
	p.Run(t, "rm handlers/home.go && gofmt -w handlers/site.go") // as an editor does when it saves
	opensAsTheREADMESays(t, p)
	return lines
}

// opensAsTheREADMESays compares how the shop opens its database with the README of kit.
func opensAsTheREADMESays(t *testing.T, p *clone.Project) {
	t.Helper()
	readme := rig.Read(t, filepath.Join(p.Dir, "app", "kit", "README.md"))
	opens := regexp.MustCompile("`(sql\\.Open\\(\"sqlite\", .*\\))`").FindSubmatch(readme)
	if opens == nil || !bytes.Contains(rig.Read(t, filepath.Join(p.Dir, "handlers", "store.go")), opens[1]) {
		t.Errorf("the shop does not open its database as the README says: %s", opens)
	}
}

// count counts lines that are not empty.
func count(text string) (n int) {
	for line := range strings.Lines(text) {
		if strings.TrimSpace(line) != "" {
			n++
		}
	}
	return n
}

// isWhole vets the project and runs all its tests.
func isWhole(t *testing.T, p *clone.Project) {
	t.Helper()
	p.Run(t, "make -n lint | sed -n '/gofmt/,/exit 1/p' | sh && go vet -tags nomsgpack ./...")
	p.Run(t, "go test -tags nomsgpack ./...")
}

// isUpgraded publishes a version of the starter with another file in a closed room, and upgrades to it.
func isUpgraded(t *testing.T, starter, p *clone.Project) {
	starter.Replace(t, "middleware/hsts.go", "\n// hsts ", "\n// The newer version.\n\n// hsts ")
	starter.Commit(t, "Newer")
	p.Run(t, "make upgrade")
	const newer = " M middleware/hsts.go\n?? scripts/.starter\n"
	if changed := p.Run(t, "git status --porcelain -- . ':!go.*'"); changed != newer {
		t.Errorf("the upgrade changes\n%s", changed)
	}
	p.Run(t, "make build")
	p.Run(t, "go vet -tags nomsgpack ./... && go test -tags nomsgpack ./handlers/...") // losesExamples runs all
	p.Commit(t, "Upgrade")
	_, bodies := p.Serves(t, "/", "/api/products")
	if !strings.Contains(bodies[0], "Tea worth the wait") || bodies[1] != "[]" {
		t.Errorf("make dev serves %q", bodies)
	}
}

// losesExamples removes first the examples that the shop does not use, then what needs accounts, and accounts.
func losesExamples(t *testing.T, p *clone.Project) {
	remove := func(example string) {
		text := string(rig.Read(t, filepath.Join(p.Dir, "handlers", example+".go")))
		for _, m := range regexp.MustCompile(`(?m)^//\t((?:rm|sed) .*)$`).FindAllStringSubmatch(text, -1) {
			p.Run(t, m[1])
		}
	}
	remove("notes")
	remove("connection")
	p.Run(t, "make build")
	isWhole(t, p)
	p.Commit(t, "Remove the examples")

	p.Run(t, "rm -r handlers/orders*.go handlers/desk.go web/templates/orders.html web/templates/desk")
	p.Run(t, "sed -i.bak '/orders\"/d; /orderRoutes/d; /desk/d' handlers/routes.go handlers/site.go web/templates/*.html")
	p.Run(t, "rm */*.bak */*/*.bak && gofmt -w handlers")
	remove("account")
	p.Run(t, "make build")
	p.Run(t, "go vet -tags nomsgpack ./... && go test -tags nomsgpack ./app/... ./handlers/...")
}
