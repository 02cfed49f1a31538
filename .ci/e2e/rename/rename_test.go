//go:build unix

// Package rename makes projects of the template, in each of the README's ways.
package rename

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"example.com/turnkey/e2e/rename/clone"
	"example.com/turnkey/e2e/rig"
)

func TestRenamedCloneIsItsOwnersProject(t *testing.T) {
	p := clone.Of(t, clone.Root(t))
	plan := p.Run(t, "go run ./scripts/rename "+clone.Shop)
	if !strings.Contains(plan, "  web/templates/layout.html  ") || !strings.HasSuffix(plan, "nothing was changed; to do it: go run ./scripts/rename -write "+clone.Shop+"\n") {
		t.Errorf("the plan is\n%s", plan)
	}
	if out := p.Run(t, "git status --porcelain"); out != "" {
		t.Fatalf("the plan changed\n%s", out)
	}
	done := p.Run(t, "go run ./scripts/rename -write "+clone.Shop)
	p.Run(t, regexp.MustCompile(`to undo it: (git [a-z -]+)`).FindStringSubmatch(done)[1])
	if out := p.Run(t, "git status --porcelain && git clean -nd"); out != "" || clone.GoMod(t, p.Dir) != clone.Template {
		t.Fatalf("what undoes a rename leaves\n%s", out)
	}
	p.Run(t, "git stash pop -q")
	if got := clone.GoMod(t, p.Dir); got != clone.Shop {
		t.Errorf("the module is %s", got)
	}
	if got := leftovers(t, p); len(got) > 0 {
		t.Errorf("the old name is left in\n%s", strings.Join(got, "\n"))
	}
	madeOwn(t, p)
	p.Commit(t, "Rename")

	for _, path := range []string{clone.Shop, ""} {
		if got := p.Run(t, "go run ./scripts/rename -write "+path); got != "nothing to do: this is "+clone.Shop+" already\n" {
			t.Errorf("a second run with %q says\n%s", path, got)
		}
	}
	passes(t, p)
	p.Run(t, "make lint")
	if got := p.Run(t, "bin/shop version"); !strings.HasPrefix(got, "shop ") {
		t.Errorf("the version is %q", got)
	}
	banner, pages := p.Serves(t, "/")
	if !strings.Contains(pages[0], "<title>Shop</title>") {
		t.Errorf("the home page is\n%s", pages[0])
	}
	if !strings.Contains(banner, "\n  shop  dev\n") || !strings.Contains(banner, "https://shop.localhost:") {
		t.Errorf("make dev printed\n%s", banner)
	}
	if out := p.Run(t, "git status --porcelain"); out != "" {
		t.Errorf("a build, the tests and a run left what git does not ignore:\n%s", out)
	}

	// A second rename, after work of the owner, changes only go.mod and imports.
	rig.Write(t, filepath.Join(p.Dir, "README.md"), []byte("# Turnkey apartments\n"), 0o644)
	rig.Write(t, filepath.Join(p.Dir, ".ci", "run"), []byte("turnkey\n"), 0o644)
	p.Run(t, "git rm -q Dockerfile")
	p.Commit(t, "Let apartments")
	p.Run(t, "go run ./scripts/rename -write example.com/you/store")
	for line := range strings.Lines(p.Run(t, "git status --porcelain")) {
		if !regexp.MustCompile(`^ M (go\.mod|.*\.go)\n$`).MatchString(line) {
			t.Errorf("a second name changes %s", line)
		}
	}
	p.Run(t, "go vet -tags nomsgpack ./...")
}

// A rename keeps what the owner did before it: pages, a README, a workflow, removed files.
func TestRenameKeepsEarlierWork(t *testing.T) {
	p := clone.Of(t, clone.Root(t))
	mine := map[string]string{
		"README.md":                "# Tea\n\nWhat we sell.\n",
		".github/workflows/ci.yml": "name: mine\n",
		"web/templates/home.html":  `{{define "content"}}<h1>A turnkey tea room</h1>{{end}}` + "\n",
		"web/static/style.css":     "body { margin: 2em }\n",
		"handlers/tea.go":          "package handlers\n\nimport (\n\t\"github.com/gin-gonic/gin\"\n\n\t\"" + clone.Template + "/middleware\"\n)\n\n// Tea is ours.\nfunc Tea(c *gin.Context) { _ = middleware.CSP; c.String(200, \"tea\") }\n",
		"scripts/brew/main.go":     "// Command brew is ours.\npackage main\n\nfunc main() {}\n",
	}
	for file, text := range mine {
		rig.Write(t, filepath.Join(p.Dir, file), []byte(text), 0o644)
	}
	p.Run(t, "git rm -rq Dockerfile .github/screenshots")
	p.Commit(t, "Begin")
	rig.Write(t, filepath.Join(p.Dir, "notes.txt"), []byte("not committed\n"), 0o644)

	out := p.Run(t, "go run ./scripts/rename -write "+clone.Shop)
	if !strings.Contains(out, "\nREADME.md is yours ") {
		t.Errorf("the rename says\n%s", out)
	}
	mine["handlers/tea.go"] = strings.Replace(mine["handlers/tea.go"], clone.Template, clone.Shop, 1)
	mine["notes.txt"] = "not committed\n"
	for file, want := range mine {
		if got := string(rig.Read(t, filepath.Join(p.Dir, file))); got != want {
			t.Errorf("%s became %q", file, got)
		}
	}
	if _, err := os.Stat(filepath.Join(p.Dir, "Dockerfile")); err == nil {
		t.Error("what the owner removed is back")
	}
	p.Tested(t, "./...")
	p.Run(t, "make build")
	if _, pages := p.Serves(t, "/"); !strings.Contains(pages[0], "A turnkey tea room") {
		t.Errorf("the home page is\n%s", pages[0])
	}
}

// A rename replaces only the template's own README, which it knows by its hash. The hash is written by hand, because a
// target of make would also write the hash of an owner's README.
func TestHashIsThatOfTheCommittedREADME(t *testing.T) {
	p := clone.Of(t, clone.Root(t))
	got := strings.TrimSpace(string(rig.Read(t, filepath.Join(p.Dir, "scripts", "rename", "own", "readme.hash"))))
	if want := strings.TrimSpace(p.Run(t, "git rev-parse HEAD:README.md")); got != want {
		t.Errorf("scripts/rename/own/readme.hash is %s, and the README %s\n  → git hash-object README.md > scripts/rename/own/readme.hash", got, want)
	}
}

// All projects of a machine share one CA: after make trust in one project the next one does not ask.
func TestProjectsShareTheirCA(t *testing.T) {
	first := clone.Of(t, clone.Root(t))
	if banner, _ := first.Serves(t); !strings.Contains(banner, "made in") {
		t.Errorf("the first project made no CA:\n%s", banner)
	}
	second := clone.Of(t, clone.Root(t))
	second.Run(t, "go run ./scripts/rename -write "+clone.Shop)
	for i, v := range second.Env {
		if strings.HasPrefix(v, "HOME=") {
			second.Env[i] = "HOME=" + first.Home
		}
	}
	second.Home = first.Home
	if banner, _ := second.Serves(t); strings.Contains(banner, "made in") {
		t.Errorf("a renamed project made a CA of its own:\n%s", banner)
	}
	entries, err := os.ReadDir(filepath.Join(first.Home, ".local", "share"))
	if err == nil && len(entries) != 1 {
		t.Errorf("two projects left %d folders of data: %v", len(entries), entries)
	}
}

// madeOwn checks the project's own files, and that no files remain that only the template needs.
func madeOwn(t *testing.T, p *clone.Project) {
	t.Helper()
	for _, gone := range []string{".ci", ".github/ISSUE_TEMPLATE", ".github/screenshots", ".github/workflows/template.yml"} {
		if _, err := os.Stat(filepath.Join(p.Dir, gone)); !os.IsNotExist(err) {
			t.Errorf("%s is still there", gone)
		}
	}
	for file, want := range map[string]struct {
		begins string
		lines  int
	}{"README.md": {"# Shop\n", 25}, ".github/workflows/ci.yml": {"name: ci\n", 10}, "LICENSE": {"MIT License\n\nCopyright (c) 2026 The Turnkey authors\nCopyright (c) <year> <your name>", 30}} {
		text := string(rig.Read(t, filepath.Join(p.Dir, file)))
		if !strings.HasPrefix(text, want.begins) || strings.Count(text, "\n") > want.lines {
			t.Errorf("%s is\n%s", file, text)
		}
	}
	if got := string(rig.Read(t, filepath.Join(p.Dir, ".github", "dependabot.yml"))); strings.Contains(got, ".ci") || strings.Count(got, "package-ecosystem") != 3 {
		t.Errorf("dependabot looks at\n%s", got)
	}

	help := p.Run(t, "make help")
	for _, target := range []string{"e2e", "drill", "bench", "fuzz"} {
		if strings.Contains(help, "  make "+target+" ") {
			t.Errorf("make %s is still there", target)
		}
	}
	for _, m := range regexp.MustCompile(`(?m)^  make (\S+)`).FindAllStringSubmatch(help, -1) {
		if out := p.Run(t, "make -n "+m[1]); strings.Contains(out, ".ci") {
			t.Errorf("make %s would run\n%s", m[1], out)
		}
	}
	readme := string(rig.Read(t, filepath.Join(p.Dir, "README.md")))
	for _, m := range regexp.MustCompile("`make (\\S+)`").FindAllStringSubmatch(readme, -1) {
		if !strings.Contains(help, "  make "+m[1]+" ") {
			t.Errorf("the README has make %s, and make help does not:\n%s", m[1], help)
		}
	}
	for _, m := range regexp.MustCompile("(?m)^\\| (`.*`) \\|").FindAllStringSubmatch(readme, -1) {
		for name := range strings.SplitSeq(m[1], ", ") {
			name = strings.Trim(name, "`")
			_, err := os.Stat(filepath.Join(p.Dir, name))
			if err != nil && name != ".env" && !strings.Contains(name, " ") {
				t.Errorf("the README speaks of %s, which is not there", name)
			}
		}
	}
}

// passes runs the commands of the project's own CI. A test may skip here only if it skips in the template too.
func passes(t *testing.T, p *clone.Project) {
	t.Helper()
	m := regexp.MustCompile(`(?m)^ *- run: (.*)$`).FindStringSubmatch(string(rig.Read(t, filepath.Join(p.Dir, ".github", "workflows", "ci.yml"))))
	if m == nil {
		t.Fatal("the CI runs nothing")
	}
	verbose := &clone.Project{Dir: p.Dir, Env: append(slices.Clone(p.Env), "GOFLAGS="+strings.TrimSpace(rig.GoEnv(t, "GOFLAGS")+" -v"))}
	skipped := regexp.MustCompile(`(?m)^\s*--- SKIP: ([^/\s]+)`)
	names := func(out string) (names []string) {
		for _, m := range skipped.FindAllStringSubmatch(out, -1) {
			names = append(names, m[1])
		}
		slices.Sort(names)
		return names
	}
	here := names(verbose.Run(t, strings.Replace(m[1], "make test", "make RACE= test", 1))) // the race detector has run on the same code
	if len(here) == 0 {
		return
	}
	starter := clone.Of(t, clone.Root(t))
	if there := names(starter.Run(t, "go test -tags nomsgpack -v -run '^("+strings.Join(slices.Compact(slices.Clone(here)), "|")+")$' ./...")); !slices.Equal(here, there) {
		t.Errorf("in the project these tests skip: %q; in the template: %q", here, there)
	}
}
