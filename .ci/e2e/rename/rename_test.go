//go:build unix

package rename

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestARenamedCloneIsAProjectOfItsOwn(t *testing.T) {
	p := clone(t, root(t))
	plan := p.run(t, "go run ./scripts/rename "+shop)
	if !strings.Contains(plan, "  web/templates/home.html:  ") || !strings.HasSuffix(plan, "nothing was changed; to do it: go run ./scripts/rename -write "+shop+"\n") {
		t.Errorf("the plan is\n%s", plan)
	}
	if out := p.run(t, "git status --porcelain"); out != "" {
		t.Fatalf("the plan changed\n%s", out)
	}
	p.run(t, "go run ./scripts/rename -write "+shop)
	if got := goMod(t, p.dir); got != shop {
		t.Errorf("the module is %s", got)
	}
	if got := p.leftovers(t); len(got) > 0 {
		t.Errorf("the old name is left in\n%s", strings.Join(got, "\n"))
	}
	p.commit(t, "Rename")

	for _, path := range []string{shop, ""} {
		if got := p.run(t, "go run ./scripts/rename -write "+path); got != "nothing to do: this is "+shop+" already\n" {
			t.Errorf("a second run with %q says\n%s", path, got)
		}
	}
	p.tested(t, "./...")

	p.run(t, "make build")
	if got := p.run(t, "bin/shop version"); !strings.HasPrefix(got, "shop ") {
		t.Errorf("the version is %q", got)
	}
	banner, pages := p.serves(t, "/")
	if !strings.Contains(pages[0], "<title>Shop</title>") {
		t.Errorf("the home page is\n%s", pages[0])
	}
	if !strings.Contains(banner, "\n  shop  dev\n") || !strings.Contains(banner, "https://shop.localhost:") {
		t.Errorf("make dev printed\n%s", banner)
	}
	if out := p.run(t, "git status --porcelain"); out != "" {
		t.Errorf("a build, the tests and a run left what git does not ignore:\n%s", out)
	}
}

// One trust serves every project of a machine: what make trust did for one is not asked for the next.
func TestProjectsShareTheirCA(t *testing.T) {
	first := clone(t, root(t))
	if banner, _ := first.serves(t); !strings.Contains(banner, "made in") {
		t.Errorf("the first project made no CA:\n%s", banner)
	}
	second := clone(t, root(t))
	second.run(t, "go run ./scripts/rename -write "+shop)
	for i, v := range second.env {
		if strings.HasPrefix(v, "HOME=") {
			second.env[i] = "HOME=" + first.home
		}
	}
	second.home = first.home
	if banner, _ := second.serves(t); strings.Contains(banner, "made in") {
		t.Errorf("a renamed project made a CA of its own:\n%s", banner)
	}
	entries, err := os.ReadDir(filepath.Join(first.home, ".local", "share"))
	if err == nil && len(entries) != 1 {
		t.Errorf("two projects left %d folders of data: %v", len(entries), entries)
	}
}
