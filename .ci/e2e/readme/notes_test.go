//go:build unix

package readme

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"example.com/turnkey/e2e/rig"
)

// What the README says removes the example: nothing is left of it, and nothing misses it.
func TestTheExampleIsRemovedAsTheREADMESays(t *testing.T) {
	t.Parallel()
	clone := rig.Clone(t)
	env := rig.Stranger(t, t.TempDir(), "CI=1")
	var commands []string
	for _, line := range blocks(string(rig.Read(t, filepath.Join(clone, "README.md"))), "sh") {
		if strings.Contains(line, "notes") {
			commands = append(commands, line)
			run(t, clone, env, line)
		}
	}
	if len(commands) == 0 {
		t.Fatal("the README does not say how to remove notes")
	}

	run(t, clone, env, "! grep -n notes handlers/routes.go web/templates/home.html")
	for line := range strings.Lines(run(t, clone, env, "git status --porcelain")) {
		if !regexp.MustCompile(`^ D (app|handlers|web/\w+|\.ci/e2e/\w+)/notes[^/]*\n$|^ M (handlers/routes.go|web/templates/home.html)\n$`).MatchString(line) {
			t.Errorf("%q leave this behind: %s", commands, line)
		}
	}
	run(t, clone, env, "go vet -tags nomsgpack ./... && test -z \"$(gofmt -l .)\"")
	run(t, clone, env, "go test -tags nomsgpack ./handlers ./app")
	run(t, clone, env, "go -C .ci/e2e vet ./...")
}
