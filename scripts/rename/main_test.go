package main

import (
	"bytes"
	"go/format"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

const shop = "example.com/you/shop"

// files are a small template: everything that a rename has to tell apart.
var files = map[string]string{
	"go.mod":         "module example.com/turnkey\n\ngo 1.26.0\n\nrequire github.com/acme/turnkey-sdk v1.0.0\n",
	"README.md":      "# Turnkey\n\nmade in ~/.local/share/turnkey, git remote add starter https://example.com/turnkey\n",
	"LICENSE":        "MIT License\n\nCopyright (c) 2026 The Turnkey authors\n\nPermission is hereby granted\n",
	"Makefile":       "BIN := bin/$(notdir $(shell go list -m))\nCA = $$HOME/.local/share/turnkey\n",
	"Dockerfile":     "# docker build -t turnkey .\nENTRYPOINT [\"/turnkey\"]\n",
	".env":           "SECRET=turnkey\n",
	"certs/ca.pem":   "turnkey\n",
	"bin/turnkey":    "turnkey\n",
	"tlsconfig/a.go": "package tlsconfig\n\nimport \"example.com/turnkey/tlsconfig/localca\"\n\nconst prefix = \"turnkey:\" + localca.X // of example.com/turnkey\n",
	// Windows ends lines in another way, and what is not as gofmt would have it stays so.
	"handlers/x.go": "package handlers\r\n\r\nimport (\r\n\t_ \"example.com/turnkey/middleware\"\r\n\t_ \"example.com/zoo\"\r\n)\r\n",
	"handlers/y.go": "package handlers\nimport . \"example.com/turnkey\"\nvar   y = `import \"example.com/turnkey/middleware\"`\n",
	"app/main.go": "package main\n\nimport (\n\t\"example.com/turnkey/handlers\"\n\t\"example.com/turnkey2/handlers\"\n\t\"github.com/acme/turnkey-sdk\"\n)\n\n" +
		"var turnkey = \"turnkey\" // Turnkey\n",
	"web/templates/home.html":         "<title>Turnkey</title><p class=\"turnkey-lead\">\n",
	"web/static/style.css":            "/* Turnkey */\n",
	"scripts/rename/.keep":            "",
	"scripts/deploy/run.sh":           "#!/bin/sh\nexec /opt/turnkey/turnkey\n",
	"scripts/deploy/turnkey.service":  "[Service]\nExecStart=/usr/local/bin/turnkey\nStateDirectory=turnkey\n",
	"scripts/deploy/turnkey.socket":   "Service=turnkey.service\n",
	".ci/e2e/go.mod":                  "module example.com/turnkey/e2e\n\nreplace example.com/turnkey => ../..\n",
	".ci/e2e/acme/acme_test.go":       "package acme\n\nimport _ \"example.com/turnkey/e2e/rig\"\n",
	".ci/e2e/.gitignore":              "/artifacts/\n",
	".ci/run":                         "make test\n",
	".ci/mine":                        "turnkey\n",
	".github/screenshots/home.png":    "\x00",
	".github/ISSUE_TEMPLATE/bug.yml":  "bin/turnkey version\n",
	".github/workflows/template.yml":  "run: bash .ci/run\n",
	".github/workflows/deploy.yml":    "run: ssh turnkey\n",
	".github/dependabot.yml":          "updates:\n" + update("gomod", "/") + update("npm", "/.ci/e2e/site") + update("docker", "/"),
	"handlers/bin/tea.go":             "package bin\n\nimport _ \"example.com/turnkey/middleware\"\n",
	"vendor/example.com/turnkey/x.go": "package x\n\nimport _ \"example.com/turnkey/y\"\n",
}

func update(ecosystem, dir string) string {
	return "  - package-ecosystem: " + ecosystem + "\n    directory: " + dir + "\n    groups:\n      all: {patterns: [\"*\"]}\n"
}

func init() { readmeHash = blob([]byte(files["README.md"])) }

// renamed is what becomes of files, and of a file that is not there.
func renamed(t *testing.T, modulePath, name string) map[string]string {
	t.Helper()
	want := maps.Clone(files)
	for _, file := range []string{".ci/e2e/go.mod", ".ci/e2e/.gitignore", ".ci/e2e/acme/acme_test.go", ".ci/run", ".github/screenshots/home.png", ".github/ISSUE_TEMPLATE/bug.yml",
		".github/workflows/template.yml", "scripts/deploy/turnkey.service", "scripts/deploy/turnkey.socket"} {
		delete(want, file)
	}
	maps.Copy(want, map[string]string{
		"go.mod":         "module " + modulePath + "\n\ngo 1.26.0\n\nrequire github.com/acme/turnkey-sdk v1.0.0\n",
		"README.md":      string(readme(modulePath)),
		"LICENSE":        "MIT License\n\nCopyright (c) 2026 The Turnkey authors\nCopyright (c) <year> <your name>, for what was added since\n\nPermission is hereby granted\n",
		"Dockerfile":     "# docker build -t " + name + " .\nENTRYPOINT [\"/" + name + "\"]\n",
		"tlsconfig/a.go": "package tlsconfig\n\nimport \"" + modulePath + "/tlsconfig/localca\"\n\nconst prefix = \"turnkey:\" + localca.X // of example.com/turnkey\n",
		"handlers/x.go": "package handlers\r\n\r\nimport (\r\n" + strings.ReplaceAll(sorted("\t_ \""+modulePath+"/middleware\"\n", "\t_ \"example.com/zoo\"\n"), "\n", "\r\n") +
			")\r\n",
		"handlers/y.go":           "package handlers\nimport . \"" + modulePath + "\"\nvar   y = `import \"example.com/turnkey/middleware\"`\n",
		"handlers/bin/tea.go":     "package bin\n\nimport _ \"" + modulePath + "/middleware\"\n",
		"web/templates/home.html": "<title>" + title(modulePath) + "</title><p class=\"turnkey-lead\">\n",
		"app/main.go": gofmt(t, "package main\n\nimport (\n\t\""+modulePath+"/handlers\"\n\t\"example.com/turnkey2/handlers\"\n\t\"github.com/acme/turnkey-sdk\"\n)\n\n"+
			"var turnkey = \"turnkey\" // Turnkey\n"),
		"scripts/deploy/run.sh":               "#!/bin/sh\nexec /opt/" + name + "/" + name + "\n",
		"scripts/deploy/" + name + ".service": "[Service]\nExecStart=/usr/local/bin/" + name + "\nStateDirectory=" + name + "\n",
		"scripts/deploy/" + name + ".socket":  "Service=" + name + ".service\n",
		".github/dependabot.yml":              "updates:\n" + update("gomod", "/") + update("docker", "/"),
		".github/workflows/ci.yml":            ownCI,
	})
	return want
}

func sorted(a, b string) string {
	if a < b {
		return a + b
	}
	return b + a
}

func TestAPlanChangesNothing(t *testing.T) {
	dir := project(t, files)
	before := snapshot(t, dir)
	out := rename(t, dir, shop)
	for _, want := range []string{
		"example.com/turnkey → example.com/you/shop\n", "  5 Go files  ", "  scripts/deploy/turnkey.service  ", "  becomes scripts/deploy/shop.service\n",
		"  web/templates/home.html  ", "  Turnkey becomes Shop\n", "  .ci/e2e/  ", "  removed: only the template needs it (3 files)\n", "the local CA keeps its name",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not in the plan:\n%s", want, out)
		}
	}
	if want := "\nnothing was changed; to do it: go run ./scripts/rename -write example.com/you/shop\n"; !strings.HasSuffix(out, want) {
		t.Errorf("the plan does not end with %q:\n%s", want, out)
	}
	same(t, before, snapshot(t, dir))
}

// Without git, what is replaced and removed is kept beside.
func TestARename(t *testing.T) {
	dir := project(t, files)
	out := rename(t, dir, "-write", "example.com/you/my-shop")
	got, kept := snapshot(t, dir), map[string]string{}
	for file, text := range got {
		if was, ok := strings.CutPrefix(file, before+"/"); ok {
			kept[was] = text
			delete(got, file)
		}
	}
	want := renamed(t, "example.com/you/my-shop", "my-shop")
	same(t, want, got)
	for file, text := range files {
		if now, there := want[file]; !strings.HasSuffix(file, ".go") && file != "go.mod" && (!there || now != text) && kept[file] != text {
			t.Errorf("%s was kept as %q, want %q", file, kept[file], text)
		}
	}
	if !strings.HasPrefix(want["README.md"], "# My Shop\n") || strings.Count(want["README.md"], "\n") > 25 || strings.Count(ownCI, "\n") > 10 {
		t.Errorf("the README and the CI are\n%s\n%s", want["README.md"], ownCI)
	}
	if strings.Contains(out, "handlers/routes.go") || !strings.Contains(out, "\n  web/templates/home.html  ") || // only what is there
		!strings.HasSuffix(out, "\nwhat was removed or replaced is in .before-rename, until you delete it\n") {
		t.Errorf("the last words are\n%s", out)
	}
	if _, err := os.Stat(filepath.Join(dir, ".ci", "e2e")); !os.IsNotExist(err) {
		t.Errorf("the empty folder is still there: %v", err)
	}
	if info, err := os.Stat(filepath.Join(dir, "scripts", "deploy", "run.sh")); err != nil {
		t.Error(err)
	} else if got := info.Mode().Perm(); got != 0o755 && runtime.GOOS != "windows" {
		t.Errorf("the script's mode became %v", got)
	}
}

// Whatever the new path is, also one with the old name in it: a second run, with the path or without, has nothing to do,
// and what an owner has written since stays.
func TestTheSecondRunHasNothingToDo(t *testing.T) {
	for _, to := range []string{
		shop, "shop", "example.com/you/turnkey", "example.com/you/turnkey-shop", "github.com/turnkey/shop", "github.com/Turnkey-Inc/my-turnkey",
		"example.com/turnkey-shop", "example.com/turnkey3", "zoo.example/shop",
	} {
		dir := project(t, files)
		rename(t, dir, "-write", to)
		got := snapshot(t, dir)
		for file, text := range renamed(t, to, to[strings.LastIndex(to, "/")+1:]) {
			if got[file] != text {
				t.Errorf("of %s, %s is %q, want %q", to, file, got[file], text)
			}
		}
		write(t, dir, "README.md", "# Turnkey apartments, see https://github.com/turnkey\n")
		write(t, dir, "LICENSE", "Copyright (c) 2026 The Turnkey authors\n")
		write(t, dir, "web/templates/home.html", "Turnkey apartments\n")
		write(t, dir, "scripts/deploy/turnkey.service", "ExecStart=turnkey\n")
		write(t, dir, ".ci/run", "mine\n")
		write(t, dir, ".ci/e2e/mine.go", "package mine\n")
		got = snapshot(t, dir)
		for _, args := range [][]string{{to}, {"-write", to}, {"-write"}, nil} {
			if out := rename(t, dir, args...); out != "nothing to do: this is "+to+" already\n" {
				t.Errorf("rename %q of %s says %s", args, to, out)
			}
		}
		same(t, got, snapshot(t, dir))
	}
}

// A clone that is begun with, before it is renamed.
func TestWhatIsTheOwnersAlreadyStays(t *testing.T) {
	dir := project(t, files)
	mine := map[string]string{
		"README.md":                files["README.md"] + "\nOf mine.\n",
		"LICENSE":                  "All rights reserved\n",
		".github/workflows/ci.yml": "mine\n",
		"web/templates/home.html":  "<h1>Tea</h1>\n",
	}
	for file, text := range mine {
		write(t, dir, file, text)
	}
	if err := os.Remove(filepath.Join(dir, "Dockerfile")); err != nil {
		t.Fatal(err)
	}
	out := rename(t, dir, "-write", shop)
	if !strings.Contains(out, "\nREADME.md is yours ") {
		t.Errorf("the README is not spoken of:\n%s", out)
	}
	got := snapshot(t, dir)
	for file, text := range mine {
		if got[file] != text {
			t.Errorf("%s became %q", file, got[file])
		}
	}
	if _, there := got["Dockerfile"]; there {
		t.Error("what the owner removed is back")
	}
}

func TestTheTemplatesREADMEIsKnownOnWindows(t *testing.T) {
	dir := project(t, files)
	write(t, dir, "README.md", strings.ReplaceAll(files["README.md"], "\n", "\r\n"))
	rename(t, dir, "-write", shop)
	if got := snapshot(t, dir)["README.md"]; got != string(readme(shop)) {
		t.Errorf("the README is %q", got)
	}
}

// A README that was removed is not missed: the project gets its own.
func TestAProjectWithoutAREADMEGetsOne(t *testing.T) {
	begun := maps.Clone(files)
	delete(begun, "README.md")
	dir := project(t, begun)
	rename(t, dir, "-write", shop)
	if got := snapshot(t, dir)["README.md"]; got != string(readme(shop)) {
		t.Errorf("the README is %q", got)
	}
}

// gonew takes any path, also one that we refuse, and the way out of it is a rename.
func TestAPathInsideTheTemplatesIsLeft(t *testing.T) {
	begun := maps.Clone(files)
	begun["go.mod"] = "module example.com/turnkey/shop\n"
	begun["app/main.go"] = "package main\n\nimport \"example.com/turnkey/shop/handlers\"\n"
	dir := project(t, begun)
	rename(t, dir, "-write", shop)
	if got, want := snapshot(t, dir)["app/main.go"], "package main\n\nimport \"example.com/you/shop/handlers\"\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// gonew changes go.mod and imports, and leaves the rest to us.
func TestWhatGonewLeavesIsRenamed(t *testing.T) {
	begun := maps.Clone(files)
	for file, text := range renamed(t, shop, "shop") {
		if strings.HasSuffix(file, ".go") || file == "go.mod" {
			begun[file] = text
		}
	}
	dir, whole := project(t, begun), project(t, files)
	rename(t, dir, "-write", shop)
	rename(t, whole, "-write", shop)
	same(t, snapshot(t, whole), snapshot(t, dir))
}

// A run that fails in the middle is finished by the next, whatever the new name is.
func TestARunThatWasCutShortIsFinished(t *testing.T) {
	for _, to := range []string{shop, "example.com/you/turnkey-shop"} {
		dir, whole := project(t, files), project(t, files)
		write(t, dir, ".before-rename/scripts", "in the way of a folder\n")
		err := run(dir, []string{"-write", to}, io.Discard, io.Discard)
		if err == nil || !strings.Contains(err.Error(), "→ mend that, and run the same again") {
			t.Fatalf("got %v", err)
		}
		if got := snapshot(t, dir); got["go.mod"] != files["go.mod"] || got["Dockerfile"] == files["Dockerfile"] {
			t.Fatalf("it was not cut short between the first file and go.mod: %q", got)
		}
		if err := os.Remove(filepath.Join(dir, ".before-rename", "scripts")); err != nil {
			t.Fatal(err)
		}
		rename(t, dir, "-write", to)
		rename(t, whole, "-write", to)
		same(t, snapshot(t, whole), snapshot(t, dir))
	}
}

// After an upgrade: imports are mended, and nothing else is touched.
func TestARepairLeavesTheOwnersWords(t *testing.T) {
	dir := project(t, files)
	rename(t, dir, "-write", shop)
	const advert = "<p>Turnkey apartments, see example.com/turnkey\n"
	write(t, dir, "web/templates/home.html", advert)
	write(t, dir, "handlers/x.go", "package handlers\n\nimport _ \"example.com/turnkey/middleware\" // turnkey\n")
	write(t, dir, "tlsconfig/a.go", files["tlsconfig/a.go"])
	before := snapshot(t, dir)
	rename(t, dir, "-write")
	before["handlers/x.go"] = "package handlers\n\nimport _ \"example.com/you/shop/middleware\" // turnkey\n"
	before["tlsconfig/a.go"] = renamed(t, shop, "shop")["tlsconfig/a.go"]
	same(t, before, snapshot(t, dir))
}

func TestASecondNameChangesPathsAndLeavesTheWord(t *testing.T) {
	for _, first := range []string{shop, "shop"} {
		dir := project(t, files)
		rename(t, dir, "-write", first)
		write(t, dir, "tools/go.mod", "module "+first+"/tools\n\nreplace "+first+" => ..\n")
		want := snapshot(t, dir)
		out := rename(t, dir, "-write", "example.com/you/store")
		if want := "the word shop stays, as only you know where it means the project; to see it: git grep -in shop\n"; !strings.Contains(out, want) {
			t.Errorf("%q is not in:\n%s", want, out)
		}
		for file, text := range renamed(t, "example.com/you/store", "store") {
			if strings.HasSuffix(file, ".go") || file == "go.mod" {
				want[file] = text
			}
		}
		want["tools/go.mod"] = "module example.com/you/store/tools\n\nreplace example.com/you/store => ..\n"
		same(t, want, snapshot(t, dir))
	}
}

func TestTwoFilesDoNotBecomeOne(t *testing.T) {
	dir := project(t, files)
	write(t, dir, "scripts/deploy/shop.service", "mine\n")
	before := snapshot(t, dir)
	err := run(dir, []string{"-write", shop}, io.Discard, io.Discard)
	if err == nil || !strings.Contains(err.Error(), "scripts/deploy/turnkey.service is to become scripts/deploy/shop.service, and there is one already") {
		t.Errorf("got %v", err)
	}
	same(t, before, snapshot(t, dir))
}

func TestAPathIsAskedForInTheTemplate(t *testing.T) {
	dir := project(t, files)
	err := run(dir, nil, io.Discard, io.Discard)
	if err == nil || !strings.Contains(err.Error(), "→ go run ./scripts/rename example.com/you/shop") {
		t.Errorf("got %v", err)
	}
	if err := run(filepath.Join(dir, "app"), []string{shop}, io.Discard, io.Discard); err == nil || !strings.Contains(err.Error(), "the project's own folder") {
		t.Errorf("in another folder: %v", err)
	}
}

// Helpers

// project is a folder with these files and no git.
func project(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("GIT_CEILING_DIRECTORIES", filepath.Dir(dir)) // a repository around the temporary directory is none of ours
	for name, text := range files {
		write(t, dir, name, text)
	}
	return dir
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	file := filepath.Join(dir, filepath.FromSlash(name))
	mode := fs.FileMode(0o644)
	if strings.HasSuffix(name, ".sh") {
		mode = 0o755
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}

// rename runs the command, which must succeed, and returns what it prints.
func rename(t *testing.T, dir string, args ...string) string {
	t.Helper()
	var out bytes.Buffer
	if err := run(dir, args, &out, &out); err != nil {
		t.Fatalf("rename %q: %v", args, err)
	}
	return out.String()
}

func gofmt(t *testing.T, text string) string {
	t.Helper()
	out, err := format.Source([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func git(t *testing.T, dir string, args ...string) {
	t.Helper()
	cmd := exec.Command("git", append([]string{"-c", "user.name=Ann", "-c", "user.email=ann@example.com", "-c", "maintenance.auto=false"}, args...)...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("git %q: %v\n%s", args, err, out)
	}
}

// snapshot is every file's text but git's own.
func snapshot(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.Name() == ".git" {
			return fs.SkipDir
		}
		if d.IsDir() {
			return nil
		}
		text, err := os.ReadFile(file)
		rel, _ := filepath.Rel(dir, file)
		out[filepath.ToSlash(rel)] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func same(t *testing.T, want, got map[string]string) {
	t.Helper()
	for name, text := range want {
		if was, there := got[name]; !there || was != text {
			t.Errorf("%s is %q (%t), want %q", name, was, there, text)
		}
	}
	for name := range got {
		if _, wanted := want[name]; !wanted {
			t.Errorf("%s is there too", name)
		}
	}
}
