//go:build unix

package upgrade

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"example.com/turnkey/e2e/rename/clone"
	"example.com/turnkey/e2e/rig"
)

// older is a version of the template before the list of closed rooms. A shallow clone of the template does not have it.
const older = "175e5fb"

// TestProjectOlderThanTheListFollowsTheSteps takes each step that the refusal prints.
func TestProjectOlderThanTheListFollowsTheSteps(t *testing.T) {
	if out, err := exec.Command("git", "-C", clone.Root(t), "cat-file", "-e",
		older+"^{commit}").CombinedOutput(); err != nil {
		t.Fatalf("this repository lacks %s: %v\n%s  → git fetch --unshallow", older, err, out)
	}
	starter := clone.Of(t, clone.Root(t))
	upgrade := filepath.Join(t.TempDir(), "upgrade")
	starter.Run(t, "go build -o "+upgrade+" ./scripts/upgrade")

	p := clone.Of(t, clone.Root(t))
	p.Run(t, "git checkout -qB main "+older+" && go run ./scripts/rename -write "+clone.Shop)
	p.Commit(t, "Rename")
	write(t, p, work)
	addRoute(t, p)
	p.Commit(t, "Serve tea")
	before := snapshot(t, p)

	status, out := try(p, upgrade+" "+starter.Dir)
	same(t, before, snapshot(t, p))
	steps := regexp.MustCompile(`(?m)^  \$ (.*)$`).FindAllStringSubmatch(out, -1)
	if status != 1 || len(steps) < 8 || !strings.Contains(out, "It has to move by hand once.") {
		t.Fatalf("status %d, and it says\n%s", status, out)
	}
	for _, step := range steps {
		if step[1] == "go mod tidy" { // the owner does the steps before it by hand
			p.Run(t, "git checkout before-move -- handlers/tea.go web/templates/partials/shop.html")
			addRoute(t, p)
		}
		p.Run(t, strings.Replace(step[1], "make test", "make RACE= test build", 1))
	}
	after := snapshot(t, p)
	for file, text := range work {
		if after[file] != text {
			t.Errorf("%s became %q", file, after[file])
		}
	}
	for file := range after {
		if strings.HasPrefix(file, ".ci/") {
			t.Errorf("%s is still there", file)
		}
	}
	for _, m := range regexp.MustCompile(`(?m)^\t(\S+ v\S+)$`).FindAllStringSubmatch(string(rig.Read(t,
		filepath.Join(starter.Dir, "go.mod"))), -1) {
		if !strings.Contains(after["go.mod"], m[1]) {
			t.Errorf("go.mod does not require %s", m[1])
		}
	}
	if _, bodies := p.Serves(t, "/tea"); bodies[0] != "a turnkey tea" {
		t.Errorf("the site says %q", bodies)
	}
	p.Commit(t, "Serve tea again")
	if got := p.Run(t, "make upgrade FROM="+starter.Dir); !strings.HasPrefix(got, "nothing to do: ") {
		t.Errorf("an upgrade after the move says\n%s", got)
	}
	undo := regexp.MustCompile(`To undo it: (git .*)`).FindStringSubmatch(out)
	p.Run(t, undo[1])
	same(t, before, snapshot(t, p))
}
