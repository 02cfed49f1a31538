//go:build unix

package readme

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"example.com/turnkey/e2e/rig"
)

// The tests in testdata are of the packages app and handlers themselves, and hold the template's README, .env.example and pages
// against the code. They are not in those folders, because a clone has a README and pages of its own: the go command is told
// that they are (go help build, -overlay).
func TestInsideThePackages(t *testing.T) {
	root, err := filepath.Abs(filepath.Join("..", "..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join("testdata", "*", "*_test.go"))
	if err != nil || len(files) < 3 {
		t.Fatalf("%d files of tests: %v", len(files), err)
	}
	overlay := struct{ Replace map[string]string }{map[string]string{}}
	var tests []string
	for _, file := range files {
		at, err := filepath.Abs(file)
		if err != nil {
			t.Fatal(err)
		}
		room, name := filepath.Base(filepath.Dir(file)), filepath.Base(file)
		overlay.Replace[filepath.Join(root, room, "template_"+name)] = at
		for _, m := range regexp.MustCompile(`(?m)^func (Test\w+)\(`).FindAllSubmatch(rig.Read(t, file), -1) {
			tests = append(tests, string(m[1]))
		}
	}
	data, err := json.Marshal(overlay)
	if err != nil {
		t.Fatal(err)
	}
	list := filepath.Join(t.TempDir(), "overlay.json")
	rig.Write(t, list, data, 0o644)

	cmd := exec.Command("go", "test", "-tags", "nomsgpack", "-overlay", list, "-count=1", "-v", "-run", fmt.Sprintf("^(%s)$", strings.Join(tests, "|")), "./app", "./handlers")
	cmd.Dir, cmd.Env = root, append(os.Environ(), "GOWORK=off")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	for _, test := range tests {
		if !strings.Contains(string(out), "\n--- PASS: "+test+" ") {
			t.Errorf("%s did not pass", test)
		}
	}
}
