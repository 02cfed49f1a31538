//go:build unix

package readme

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"example.com/turnkey/e2e/rig"
)

// The tests in testdata belong to packages of the repository: each is in the folder of its package. They compare the
// template's READMEs, .env.example and pages with the code. They are not in the packages themselves, because a clone
// has its own README and pages. An overlay adds them for the go command (go help build, -overlay).
func TestPackagesAgreeWithTheREADMEs(t *testing.T) {
	root, err := filepath.Abs(filepath.Join("..", "..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	files := insideFiles(t)
	overlay := struct{ Replace map[string]string }{map[string]string{}}
	var tests, packages []string
	for _, file := range files {
		at, err := filepath.Abs(file)
		if err != nil {
			t.Fatal(err)
		}
		room, err := filepath.Rel("testdata", filepath.Dir(file))
		if err != nil {
			t.Fatal(err)
		}
		packages = append(packages, "./"+filepath.ToSlash(room))
		overlay.Replace[filepath.Join(root, room, "template_"+filepath.Base(file))] = at
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

	only := fmt.Sprintf("^(%s)$", strings.Join(tests, "|"))
	args := []string{"test", "-tags", "nomsgpack", "-overlay", list, "-count=1", "-v", "-run", only}
	cmd := exec.Command("go", append(args, slices.Compact(packages)...)...)
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

// insideFiles are the files of tests under testdata, in order.
func insideFiles(t *testing.T) (files []string) {
	t.Helper()
	err := filepath.WalkDir("testdata", func(path string, _ fs.DirEntry, err error) error {
		if strings.HasSuffix(path, "_test.go") {
			files = append(files, path)
		}
		return err
	})
	if err != nil || len(files) < 4 {
		t.Fatalf("%d files of tests: %v", len(files), err)
	}
	return files
}
