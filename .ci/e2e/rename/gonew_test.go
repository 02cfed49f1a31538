//go:build unix

package rename

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"example.com/turnkey/e2e/rig"
)

const gonew = "golang.org/x/tools/cmd/gonew@v0.52.0"

// gonew gets the template as a module, from a proxy that is a folder. It copies no nested module, sets no run bit, and
// changes go.mod and imports alone.
func TestAProjectMadeByGonew(t *testing.T) {
	p := newProject(t)
	version := "v0.0.1"
	proxy := filepath.Join(t.TempDir(), "proxy")
	at := filepath.Join(proxy, filepath.FromSlash(template), "@v")
	rig.Write(t, filepath.Join(at, "list"), []byte(version+"\n"), 0o644)
	rig.Write(t, filepath.Join(at, version+".info"), fmt.Appendf(nil, `{"Version":%q}`, version), 0o644)
	rig.Write(t, filepath.Join(at, version+".mod"), rig.Read(t, filepath.Join(root(t), "go.mod")), 0o644)
	here := &project{dir: root(t), env: append(p.env[:len(p.env):len(p.env)], "GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=safe.directory", "GIT_CONFIG_VALUE_0=*")}
	here.run(t, fmt.Sprintf("git archive --format=zip --prefix=%s@%s/ -o '%s' HEAD -- . ':(exclude).ci/e2e'", template, version, filepath.Join(at, version+".zip")))

	// A module cache of its own, as the version is none that anybody else should find; what is cached serves as a proxy.
	maker := &project{dir: t.TempDir()}
	maker.env = append(p.env[:len(p.env):len(p.env)], "GOBIN="+maker.dir)
	maker.run(t, "go install "+gonew)
	maker.env = append(maker.env, "GOMODCACHE="+t.TempDir(), "GOFLAGS=-modcacherw", "GONOSUMDB="+template,
		"GOPROXY=file://"+proxy+",file://"+filepath.Join(rig.GoEnv(t, "GOMODCACHE"), "cache", "download")+","+rig.GoEnv(t, "GOPROXY"))
	maker.run(t, fmt.Sprintf("./gonew %s@%s %s '%s'", template, version, shop, p.dir))

	if got := goMod(t, p.dir); got != shop {
		t.Fatalf("gonew left the module %s", got)
	}
	if info, err := os.Stat(filepath.Join(p.dir, ".ci", "run")); err == nil && info.Mode()&0o111 != 0 {
		t.Error("gonew keeps run bits now, so this no longer tests that none is needed")
	}
	if got := p.run(t, "make help"); !strings.Contains(got, "make dev") {
		t.Errorf("make help says\n%s", got)
	}
	p.run(t, "make build")
	if got := p.run(t, "bin/shop version"); !strings.HasPrefix(got, "shop ") {
		t.Errorf("the version is %q", got)
	}
	if got := p.run(t, "make -n test"); strings.Contains(got, "go -C .ci/e2e") || !strings.Contains(got, "go test") {
		t.Errorf("make test would run\n%s", got)
	}
	p.serves(t)

	// The names that are left are the rename's to change, without git too.
	out := p.run(t, "go run ./scripts/rename -write "+shop)
	if !strings.Contains(out, "git cannot take this back: not a git repository\n") || strings.Contains(out, "git stash") {
		t.Errorf("without git the rename says\n%s", out)
	}
	p.madeOwn(t)
	if got := string(rig.Read(t, filepath.Join(p.dir, ".before-rename", "README.md"))); got != string(rig.Read(t, filepath.Join(root(t), "README.md"))) {
		t.Errorf("the template's README is not kept beside, where git has none: %.80q", got)
	}
	if got := p.leftovers(t); len(got) > 0 {
		t.Errorf("the old name is left in\n%s", strings.Join(got, "\n"))
	}
	p.tested(t, "./handlers ./middleware")
	if _, pages := p.serves(t, "/"); !strings.Contains(pages[0], "<title>Shop</title>") {
		t.Errorf("the home page is\n%s", pages[0])
	}
}
