package main

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"example.com/turnkey/e2e/rig"
)

func TestWeightOfARoom(t *testing.T) {
	long := "package kit\n\ntype (\n\tE struct{}\n\te int\n)\n\nfunc (E) Method() {}\n\nvar A, b = 1, 2\n\nfunc Long() {\n" + strings.Repeat("\t_ = 1\n", 59) + "}\n"
	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.mod":                  "module m\n",
		"scripts/rooms/rooms.txt": "app/kit\n[template]\n.ci\n",
		"app/kit/kit.go":          long,
		"app/kit/kit_test.go":     "package kit\n\nfunc Helper() {}\n",
		"app/main.go":             "package main\n\nfunc main() {}\n",
		"app/main_test.go":        "package main\n",
		"handlers/home.go":        "package handlers\n",
		"web/templates/home.html": "<h1>\n",
		"README.md":               "# Mine\n",
		".ci/proof.go":            "package proof\n",
	} {
		rig.Write(t, filepath.Join(dir, name), []byte(text), 0o644)
	}
	if out, err := exec.Command("git", "init", "-q", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	var out bytes.Buffer
	if err := run(dir, &out); err != nil {
		t.Fatal(err)
	}
	got := strings.Join(strings.Fields(out.String()), " ")
	for _, want := range []string{
		"app/kit 2 75 72 3 files", // E, A and Long
		"files of a renamed project 9 goal", "its lines of Go, without tests 76 goal", "what the owner must know, in lines 5 goal",
		"app/*.go without tests, lines 3 goal", "app/*.go without tests, files 1 goal", "functions over 60 lines 1 goal 0 app/kit/kit.go:12 Long, 61 lines",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in\n%s", want, out.String())
		}
	}
}
