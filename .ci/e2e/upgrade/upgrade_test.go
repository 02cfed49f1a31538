//go:build unix

// Package upgrade upgrades projects to a newer version of the starter: a renamed clone with an owner's work, and a
// clone that is older than the list of closed rooms.
package upgrade

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"example.com/turnkey/e2e/rename/clone"
	"example.com/turnkey/e2e/rig"
)

// work are files that an owner adds. The test also edits files of the starter.
var work = map[string]string{
	"handlers/tea.go": "package handlers\n\nimport (\n\t\"github.com/gin-gonic/gin\"\n\n\t\"" + clone.Shop +
		"/stock\"\n)\n\n// Tea is ours.\nfunc Tea(c *gin.Context) { c.String(200, stock.Tea) }\n",
	"stock/stock.go":      "// Package stock is ours.\npackage stock\n\n// Tea is what there is.\nconst Tea = \"a turnkey tea\"\n",
	"app/billing/bill.go": "// Package billing is ours.\npackage billing\n",
	"scripts/brew/main.go": "// Command brew is ours.\npackage main\n\nimport \"" + clone.Shop +
		"/stock\"\n\nfunc main() { println(stock.Tea) }\n",
	"web/templates/partials/shop.html": "{{define \"shop\"}}Turnkey{{end}}\n",
	"README.md":                        "# The shop, made from Turnkey\n",
}

func TestUpgradeOfARenamedClone(t *testing.T) {
	starter := clone.Of(t, clone.Root(t))
	starter.Run(t, "git checkout -qB main")
	p := clone.Of(t, starter.Dir)
	p.Run(t, "git remote rename origin starter && go run ./scripts/rename -write "+clone.Shop)
	p.Commit(t, "Rename")
	write(t, p, work)
	addRoute(t, p)
	p.Replace(t, "web/templates/home.html", "<h1>", "<h1>A turnkey solution. ")
	p.Replace(t, "app/main.go", "package main\n", "package main\n\n// A line of ours.\n")
	rig.Write(t, filepath.Join(p.Dir, "Makefile"), append(rig.Read(t, filepath.Join(p.Dir, "Makefile")),
		"\nbrew: ## ours\n\tgo run ./scripts/brew\n"...), 0o644)
	p.Replace(t, "middleware/hsts.go", "\n// hsts ", "\n// A patch of ours.\n\n// hsts ")
	p.Run(t, "go mod edit -require=golang.org/x/crypto@v0.58.0")
	p.Commit(t, "Serve tea")
	before := snapshot(t, p)

	newer(t, starter)
	if status, out := try(p, "go run ./scripts/upgrade"); status == 0 ||
		!strings.Contains(out, "  middleware/hsts.go  ") || !strings.Contains(out, "-yes replaces") {
		t.Errorf("a patched room is answered %d\n%s", status, out)
	}
	same(t, before, snapshot(t, p))
	out := p.Run(t, "make upgrade YES=1")
	undo := regexp.MustCompile(`to undo it: (git .*)`).FindStringSubmatch(out)
	if undo == nil {
		t.Fatalf("it says\n%s", out)
	}
	after := snapshot(t, p)
	p.Run(t, undo[1])
	same(t, before, snapshot(t, p))
	p.Run(t, "git stash pop -q")
	p.Commit(t, "Upgrade")
	same(t, after, snapshot(t, p))

	isTheNewer(t, p, before, after)
	p.Tested(t, "./app/... ./handlers/... ./middleware/... ./scripts/rooms ./scripts/upgrade ./tlsconfig/...")
	if got := p.Run(t, "make upgrade"); !strings.HasPrefix(got, "nothing to do: ") {
		t.Errorf("a second run says\n%s", got)
	}
	if got := p.Run(t, "make brew 2>&1"); !strings.Contains(got, "a turnkey tea") ||
		!strings.Contains(p.Run(t, "make help"), "  make brew ") {
		t.Errorf("the owner's own target says\n%s", got)
	}
	if _, bodies := p.Serves(t, "/tea", "/"); bodies[0] != "a turnkey tea" ||
		!strings.Contains(bodies[1], "A turnkey solution.") {
		t.Errorf("the site says %q", bodies)
	}
}

// newer publishes a version of the starter with a changed file, a moved one, a new room and a removed one.
func newer(t *testing.T, starter *clone.Project) {
	t.Helper()
	starter.Replace(t, "middleware/hsts.go", "\n// hsts ", "\n// The newer version.\n\n// hsts ")
	starter.Run(t, "git mv middleware/csp.go middleware/policy.go && git rm -rq scripts/devcert")
	starter.Replace(t, "scripts/rooms/rooms.txt", "scripts/devcert",
		"app/newest                  middleware tlsconfig/localca\n# gone: scripts/devcert")
	write(t, starter, map[string]string{
		"app/newest/newest.go": "// Package newest is a room that the newer version brings.\npackage newest\n\nimport (\n\t\"" + clone.Template + "/middleware\"\n\t\"" + clone.Template +
			"/tlsconfig/localca\"\n)\n\n// Owner is whose the development certificates are.\nconst Owner = localca.Organization\n\nvar _ = middleware.CSP\n",
		"README.md": "# Newer\n",
	})
	starter.Replace(t, "handlers/routes.go", "package handlers", "package handlers // newer")
	starter.Commit(t, "Newer rooms")
}

// isTheNewer checks that the closed rooms are those of newer, and that all other files are unchanged.
func isTheNewer(t *testing.T, p *clone.Project, before, after map[string]string) {
	t.Helper()
	for file, want := range map[string]string{
		"middleware/hsts.go": "// The newer version.", "middleware/policy.go": "package middleware", "app/newest/newest.go": `"` + clone.Shop + `/middleware"`,
		"go.mod": string(regexp.MustCompile(`golang.org/x/crypto \S+`).Find(rig.Read(t,
			filepath.Join(clone.Root(t), "go.mod")))),
	} {
		if !strings.Contains(after[file], want) {
			t.Errorf("%s has no %q", file, want)
		}
	}
	for _, gone := range []string{"middleware/csp.go", "scripts/devcert/main.go"} {
		if _, there := after[gone]; there {
			t.Errorf("%s is still there", gone)
		}
	}
	may := regexp.MustCompile(`^(middleware/|app/newest/|scripts/devcert/|scripts/rooms/rooms\.txt$|scripts/\.starter$|go\.(mod|sum)$)`)
	for file, text := range before {
		if now, there := after[file]; (!there || now != text) && !may.MatchString(file) {
			t.Errorf("%s became %q", file, now)
		}
	}
	for file := range after {
		if _, was := before[file]; !was && !may.MatchString(file) {
			t.Errorf("%s is new", file)
		}
	}
}

// Helpers

func write(t *testing.T, p *clone.Project, files map[string]string) {
	t.Helper()
	for file, text := range files {
		rig.Write(t, filepath.Join(p.Dir, file), []byte(text), 0o644)
	}
}

// addRoute adds a route of the owner after that of the first page.
func addRoute(t *testing.T, p *clone.Project) {
	t.Helper()
	file := filepath.Join(p.Dir, "handlers", "routes.go")
	text := rig.Read(t, file)
	first := regexp.MustCompile(`(?m)^\tr\.GET\("/", .*\n`).Find(text)
	if first == nil {
		t.Fatal("handlers/routes.go has no route of the first page")
	}
	rig.Write(t, file, []byte(strings.Replace(string(text), string(first), string(first)+"\tr.GET(\"/tea\", Tea)\n", 1)),
		0o644)
}

// try runs a command that may fail.
func try(p *clone.Project, command string) (status int, out string) {
	cmd := p.Command(command)
	text, _ := cmd.CombinedOutput()
	return cmd.ProcessState.ExitCode(), string(text)
}

// snapshot returns the text of every file that git knows or would add.
func snapshot(t *testing.T, p *clone.Project) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, file := range strings.Fields(p.Run(t, "git ls-files --cached --others --exclude-standard")) {
		if _, err := os.Lstat(filepath.Join(p.Dir, file)); err == nil {
			out[file] = string(rig.Read(t, filepath.Join(p.Dir, file)))
		}
	}
	if len(out) < 100 {
		t.Fatalf("%d files are there", len(out))
	}
	return out
}

func same(t *testing.T, want, got map[string]string) {
	t.Helper()
	for file, text := range want {
		if got[file] != text {
			t.Errorf("%s is %q, want %q", file, got[file], text)
		}
	}
	for file := range got {
		if _, wanted := want[file]; !wanted {
			t.Errorf("%s is there too", file)
		}
	}
}
