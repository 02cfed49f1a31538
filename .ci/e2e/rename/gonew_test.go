//go:build unix

package rename

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"example.com/turnkey/e2e/rename/clone"
	"example.com/turnkey/e2e/rig"
)

const gonew = "golang.org/x/tools/cmd/gonew@v0.52.0"

// gonew gets the template as a module, from a folder that serves as a proxy. It copies no nested module, sets no
// executable bit, and changes only go.mod and imports.
func TestProjectMadeByGonew(t *testing.T) {
	p := clone.New(t)
	version := "v0.0.1"
	proxy := filepath.Join(t.TempDir(), "proxy")
	at := filepath.Join(proxy, filepath.FromSlash(clone.Template), "@v")
	rig.Write(t, filepath.Join(at, "list"), []byte(version+"\n"), 0o644)
	rig.Write(t, filepath.Join(at, version+".info"), fmt.Appendf(nil, `{"Version":%q}`, version), 0o644)
	rig.Write(t, filepath.Join(at, version+".mod"), rig.Read(t, filepath.Join(clone.Root(t), "go.mod")), 0o644)
	here := &clone.Project{Dir: clone.Root(t), Env: append(p.Env[:len(p.Env):len(p.Env)], "GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=safe.directory", "GIT_CONFIG_VALUE_0=*")}
	here.Run(t, fmt.Sprintf("git archive --format=zip --prefix=%s@%s/ -o '%s' HEAD -- . ':(exclude).ci/e2e'", clone.Template, version, filepath.Join(at, version+".zip")))

	// The test has its own module cache, so that the made-up version gets into no other. The cache serves as a proxy.
	maker := &clone.Project{Dir: t.TempDir()}
	maker.Env = append(p.Env[:len(p.Env):len(p.Env)], "GOBIN="+maker.Dir)
	maker.Run(t, "go install "+gonew)
	maker.Env = append(maker.Env, "GOMODCACHE="+t.TempDir(), "GOFLAGS=-modcacherw", "GONOSUMDB="+clone.Template,
		"GOPROXY=file://"+proxy+",file://"+filepath.Join(rig.GoEnv(t, "GOMODCACHE"), "cache", "download")+","+rig.GoEnv(t, "GOPROXY"))
	maker.Run(t, fmt.Sprintf("./gonew %s@%s %s '%s'", clone.Template, version, clone.Shop, p.Dir))

	if got := clone.GoMod(t, p.Dir); got != clone.Shop {
		t.Fatalf("gonew left the module %s", got)
	}
	if info, err := os.Stat(filepath.Join(p.Dir, ".ci", "run")); err == nil && info.Mode()&0o111 != 0 {
		t.Error("gonew keeps run bits now, so this no longer tests that none is needed")
	}
	if got := p.Run(t, "make help"); !strings.Contains(got, "make dev") {
		t.Errorf("make help says\n%s", got)
	}
	p.Run(t, "make build")
	if got := p.Run(t, "bin/shop version"); !strings.HasPrefix(got, "shop ") {
		t.Errorf("the version is %q", got)
	}
	if got := p.Run(t, "make -n test"); strings.Contains(got, "go -C .ci/e2e") || !strings.Contains(got, "go test") {
		t.Errorf("make test would run\n%s", got)
	}
	p.Serves(t)

	// scripts/rename changes the remaining names, also without git.
	out := p.Run(t, "go run ./scripts/rename -write "+clone.Shop)
	if !strings.Contains(out, "git cannot undo this: not a git repository\n") || strings.Contains(out, "git stash") {
		t.Errorf("without git the rename says\n%s", out)
	}
	madeOwn(t, p)
	if got := string(rig.Read(t, filepath.Join(p.Dir, ".before-rename", "README.md"))); got != string(rig.Read(t, filepath.Join(clone.Root(t), "README.md"))) {
		t.Errorf("the template's README is not kept beside, where git has none: %.80q", got)
	}
	if got := leftovers(t, p); len(got) > 0 {
		t.Errorf("the old name is left in\n%s", strings.Join(got, "\n"))
	}
	p.Tested(t, "./handlers ./middleware")
	if _, pages := p.Serves(t, "/"); !strings.Contains(pages[0], "<title>Shop</title>") {
		t.Errorf("the home page is\n%s", pages[0])
	}
}
