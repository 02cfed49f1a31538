package main

import (
	"bytes"
	"go/format"
	"io"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"example.com/turnkey/scripts/internal/project"
	pt "example.com/turnkey/scripts/internal/projecttest"
)

const shop = "example.com/you/shop"

// files are a small template with every case that a rename has to distinguish.
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
	// Lines may end with CR LF, and files that gofmt would change are left unformatted.
	"handlers/x.go": "package handlers\r\n\r\nimport (\r\n\t_ \"example.com/turnkey/middleware\"\r\n\t_ \"example.com/zoo\"\r\n)\r\n",
	"handlers/y.go": "package handlers\nimport . \"example.com/turnkey\"\nvar   y = `import \"example.com/turnkey/middleware\"`\n",
	"app/main.go": "package main\n\nimport (\n\t\"example.com/turnkey/handlers\"\n\t\"example.com/turnkey2/handlers\"\n\t\"github.com/acme/turnkey-sdk\"\n)\n\n" +
		"var turnkey = \"turnkey\" // Turnkey\n",
	"web/templates/home.html":        "<title>Turnkey</title><p class=\"turnkey-lead\">\n",
	"web/static/style.css":           "/* Turnkey */\n",
	"scripts/rename/.keep":           "",
	"scripts/rooms/rooms.txt":        roomsList,
	"scripts/deploy/closed.conf":     "turnkey\n", // the list has it, so the name stays
	"scripts/deploy/run.sh":          "#!/bin/sh\nexec /opt/turnkey/turnkey\n",
	"scripts/deploy/turnkey.service": "[Service]\nExecStart=/usr/local/bin/turnkey\nStateDirectory=turnkey\n",
	"scripts/deploy/turnkey.socket":  "Service=turnkey.service\n",
	".ci/e2e/go.mod":                 "module example.com/turnkey/e2e\n\nreplace example.com/turnkey => ../..\n",
	".ci/e2e/acme/acme_test.go":      "package acme\n\nimport _ \"example.com/turnkey/e2e/rig\"\n",
	".ci/e2e/.gitignore":             "/artifacts/\n",
	".ci/run":                        "make test\n",
	".ci/mine":                       "turnkey\n",
	".github/screenshots/home.png":   "\x00",
	".github/ISSUE_TEMPLATE/bug.yml": "bin/turnkey version\n",
	".github/workflows/template.yml": "run: bash .ci/run\n",
	".github/workflows/deploy.yml":   "run: ssh turnkey\n",
	".github/dependabot.yml": "updates:\n" + update("gomod", "/") + update("npm", "/.ci/e2e/site") +
		update("docker", "/"),
	"handlers/bin/tea.go":             "package bin\n\nimport _ \"example.com/turnkey/middleware\"\n",
	"vendor/example.com/turnkey/x.go": "package x\n\nimport _ \"example.com/turnkey/y\"\n",
}

const roomsList = "tlsconfig\nmiddleware\nscripts/deploy/closed.conf\nscripts/rename\nscripts/rooms\n[template]\n.ci/e2e\n.ci/run\n" +
	".github/ISSUE_TEMPLATE\n.github/screenshots\n.github/workflows/template.yml\n"

func update(ecosystem, dir string) string {
	return "  - package-ecosystem: " + ecosystem + "\n    directory: " + dir +
		"\n    groups:\n      all: {patterns: [\"*\"]}\n"
}

func init() { readmeHash = project.BlobID([]byte(files["README.md"])) }

// renamed returns files as the rename should leave them.
func renamed(t *testing.T, modulePath, name string) map[string]string {
	t.Helper()
	want := maps.Clone(files)
	for _, file := range []string{".ci/e2e/go.mod", ".ci/e2e/.gitignore", ".ci/e2e/acme/acme_test.go", ".ci/run",
		".github/screenshots/home.png", ".github/ISSUE_TEMPLATE/bug.yml",
		".github/workflows/template.yml", "scripts/deploy/turnkey.service", "scripts/deploy/turnkey.socket"} {
		delete(want, file)
	}
	maps.Copy(want, map[string]string{
		"go.mod":     "module " + modulePath + "\n\ngo 1.26.0\n\nrequire github.com/acme/turnkey-sdk v1.0.0\n",
		"README.md":  string(readme(modulePath)),
		"LICENSE":    "MIT License\n\nCopyright (c) 2026 The Turnkey authors\nCopyright (c) <year> <your name>, for what was added since\n\nPermission is hereby granted\n",
		"Dockerfile": "# docker build -t " + name + " .\nENTRYPOINT [\"/" + name + "\"]\n",
		"tlsconfig/a.go": "package tlsconfig\n\nimport \"" + modulePath +
			"/tlsconfig/localca\"\n\nconst prefix = \"turnkey:\" + localca.X // of example.com/turnkey\n",
		"handlers/x.go": "package handlers\r\n\r\nimport (\r\n" +
			strings.ReplaceAll(sorted("\t_ \""+modulePath+"/middleware\"\n", "\t_ \"example.com/zoo\"\n"), "\n", "\r\n") +
			")\r\n",
		"handlers/y.go": "package handlers\nimport . \"" + modulePath +
			"\"\nvar   y = `import \"example.com/turnkey/middleware\"`\n",
		"handlers/bin/tea.go":     "package bin\n\nimport _ \"" + modulePath + "/middleware\"\n",
		"web/templates/home.html": "<title>" + title(modulePath) + "</title><p class=\"turnkey-lead\">\n",
		"app/main.go": gofmt(t,
			"package main\n\nimport (\n\t\""+modulePath+"/handlers\"\n\t\"example.com/turnkey2/handlers\"\n\t\"github.com/acme/turnkey-sdk\"\n)\n\n"+
				"var turnkey = \"turnkey\" // Turnkey\n"),
		"scripts/deploy/run.sh": "#!/bin/sh\nexec /opt/" + name + "/" + name + "\n",
		"scripts/deploy/" + name + ".service": "[Service]\nExecStart=/usr/local/bin/" + name + "\nStateDirectory=" + name +
			"\n",
		"scripts/deploy/" + name + ".socket": "Service=" + name + ".service\n",
		".github/dependabot.yml":             "updates:\n" + update("gomod", "/") + update("docker", "/"),
		".github/workflows/ci.yml":           ownCI,
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
	t.Parallel()
	dir := pt.New(t, files)
	before := pt.Snapshot(t, dir)
	out := rename(t, dir, shop)
	for _, want := range []string{
		"example.com/turnkey → example.com/you/shop\n", "  5 Go files  ", "  scripts/deploy/turnkey.service  ", "  becomes scripts/deploy/shop.service\n",
		"  web/templates/home.html  ", "  Turnkey becomes Shop\n", "  .ci/e2e  ", "  removed: only the template needs it (3 files)\n", "the local CA keeps its name",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not in the plan:\n%s", want, out)
		}
	}
	if want := "\nnothing was changed; to do it: go run ./scripts/rename -write example.com/you/shop\n"; !strings.HasSuffix(out, want) {
		t.Errorf("the plan does not end with %q:\n%s", want, out)
	}
	pt.Same(t, before, pt.Snapshot(t, dir))
}

// Without git, the rename keeps a copy of each file that it replaces or removes.
func TestARename(t *testing.T) {
	t.Parallel()
	dir := pt.New(t, files)
	out := rename(t, dir, "-write", "example.com/you/my-shop")
	got, kept := pt.Snapshot(t, dir), map[string]string{}
	for file, text := range got {
		if was, ok := strings.CutPrefix(file, ".before-rename/"); ok {
			kept[was] = text
			delete(got, file)
		}
	}
	want := renamed(t, "example.com/you/my-shop", "my-shop")
	pt.Same(t, want, got)
	for file, text := range files {
		if now, there := want[file]; !strings.HasSuffix(file, ".go") && file != "go.mod" && (!there || now != text) &&
			kept[file] != text {
			t.Errorf("%s was kept as %q, want %q", file, kept[file], text)
		}
	}
	if !strings.HasPrefix(want["README.md"], "# My Shop\n") || strings.Count(want["README.md"], "\n") > 25 ||
		strings.Count(ownCI, "\n") > 10 {
		t.Errorf("the README and the CI are\n%s\n%s", want["README.md"], ownCI)
	}
	// The output lists only files that exist.
	if strings.Contains(out, "handlers/routes.go") || !strings.Contains(out, "\n  web/templates/home.html  ") ||
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

// A second run, with or without the path, changes nothing and keeps the owner's later edits. This holds for every new
// path, also one that contains the old name.
func TestTheSecondRunHasNothingToDo(t *testing.T) {
	t.Parallel()
	for _, to := range []string{
		shop, "shop", "example.com/you/turnkey", "example.com/you/turnkey-shop", "github.com/turnkey/shop", "github.com/Turnkey-Inc/my-turnkey",
		"example.com/turnkey-shop", "example.com/turnkey3", "zoo.example/shop",
	} {
		dir := pt.New(t, files)
		rename(t, dir, "-write", to)
		got := pt.Snapshot(t, dir)
		for file, text := range renamed(t, to, to[strings.LastIndex(to, "/")+1:]) {
			if got[file] != text {
				t.Errorf("of %s, %s is %q, want %q", to, file, got[file], text)
			}
		}
		pt.Write(t, dir, "README.md", "# Turnkey apartments, see https://github.com/turnkey\n")
		pt.Write(t, dir, "LICENSE", "Copyright (c) 2026 The Turnkey authors\n")
		pt.Write(t, dir, "web/templates/home.html", "Turnkey apartments\n")
		pt.Write(t, dir, "scripts/deploy/turnkey.service", "ExecStart=turnkey\n")
		pt.Write(t, dir, ".ci/run", "mine\n")
		pt.Write(t, dir, ".ci/e2e/mine.go", "package mine\n")
		got = pt.Snapshot(t, dir)
		for _, args := range [][]string{{to}, {"-write", to}, {"-write"}, nil} {
			if out := rename(t, dir, args...); out != "nothing to do: this is "+to+" already\n" {
				t.Errorf("rename %q of %s says %s", args, to, out)
			}
		}
		pt.Same(t, got, pt.Snapshot(t, dir))
	}
}

// The owner has edited files of the clone before the rename.
func TestOwnersEditsStay(t *testing.T) {
	t.Parallel()
	dir := pt.New(t, files)
	mine := map[string]string{
		"README.md":                files["README.md"] + "\nOf mine.\n",
		"LICENSE":                  "All rights reserved\n",
		".github/workflows/ci.yml": "mine\n",
		"web/templates/home.html":  "<h1>Tea</h1>\n",
	}
	for file, text := range mine {
		pt.Write(t, dir, file, text)
	}
	if err := os.Remove(filepath.Join(dir, "Dockerfile")); err != nil {
		t.Fatal(err)
	}
	out := rename(t, dir, "-write", shop)
	if !strings.Contains(out, "\nREADME.md is yours ") {
		t.Errorf("the README is not spoken of:\n%s", out)
	}
	got := pt.Snapshot(t, dir)
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
	t.Parallel()
	dir := pt.New(t, files)
	pt.Write(t, dir, "README.md", strings.ReplaceAll(files["README.md"], "\n", "\r\n"))
	rename(t, dir, "-write", shop)
	if got := pt.Snapshot(t, dir)["README.md"]; got != string(readme(shop)) {
		t.Errorf("the README is %q", got)
	}
}

// If the owner removed the README, the rename writes the project's own.
func TestAProjectWithoutAREADMEGetsOne(t *testing.T) {
	t.Parallel()
	begun := maps.Clone(files)
	delete(begun, "README.md")
	dir := pt.New(t, begun)
	rename(t, dir, "-write", shop)
	if got := pt.Snapshot(t, dir)["README.md"]; got != string(readme(shop)) {
		t.Errorf("the README is %q", got)
	}
}

// gonew accepts any path, also paths that rename refuses. The owner can then rename again.
func TestAPathInsideTheTemplatesIsLeft(t *testing.T) {
	t.Parallel()
	begun := maps.Clone(files)
	begun["go.mod"] = "module example.com/turnkey/shop\n"
	begun["app/main.go"] = "package main\n\nimport \"example.com/turnkey/shop/handlers\"\n"
	dir := pt.New(t, begun)
	rename(t, dir, "-write", shop)
	if got, want := pt.Snapshot(t,
		dir)["app/main.go"], "package main\n\nimport \"example.com/you/shop/handlers\"\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// gonew changes go.mod and imports only. The rename does the rest.
func TestRenameAfterGonew(t *testing.T) {
	t.Parallel()
	begun := maps.Clone(files)
	for file, text := range renamed(t, shop, "shop") {
		if strings.HasSuffix(file, ".go") || file == "go.mod" {
			begun[file] = text
		}
	}
	dir, whole := pt.New(t, begun), pt.New(t, files)
	rename(t, dir, "-write", shop)
	rename(t, whole, "-write", shop)
	pt.Same(t, pt.Snapshot(t, whole), pt.Snapshot(t, dir))
}

// The next run finishes a run that failed in the middle, with every new name.
func TestInterruptedRunIsFinishedByTheNext(t *testing.T) {
	t.Parallel()
	for _, to := range []string{shop, "example.com/you/turnkey-shop"} {
		dir, whole := pt.New(t, files), pt.New(t, files)
		pt.Write(t, dir, ".before-rename/scripts", "in the way of a folder\n")
		err := run(dir, []string{"-write", to}, io.Discard, io.Discard)
		if err == nil || !strings.Contains(err.Error(), "→ fix that, and run the same again") {
			t.Fatalf("got %v", err)
		}
		if got := pt.Snapshot(t, dir); got["go.mod"] != files["go.mod"] || got["Dockerfile"] == files["Dockerfile"] {
			t.Fatalf("it was not cut short between the first file and go.mod: %q", got)
		}
		if err := os.Remove(filepath.Join(dir, ".before-rename", "scripts")); err != nil {
			t.Fatal(err)
		}
		rename(t, dir, "-write", to)
		rename(t, whole, "-write", to)
		pt.Same(t, pt.Snapshot(t, whole), pt.Snapshot(t, dir))
	}
}

// After an upgrade, the rename repairs imports and changes nothing else.
func TestRepairChangesImportsOnly(t *testing.T) {
	t.Parallel()
	dir := pt.New(t, files)
	rename(t, dir, "-write", shop)
	const advert = "<p>Turnkey apartments, see example.com/turnkey\n"
	pt.Write(t, dir, "web/templates/home.html", advert)
	pt.Write(t, dir, "handlers/x.go", "package handlers\n\nimport _ \"example.com/turnkey/middleware\" // turnkey\n")
	pt.Write(t, dir, "tlsconfig/a.go", files["tlsconfig/a.go"])
	before := pt.Snapshot(t, dir)
	rename(t, dir, "-write")
	before["handlers/x.go"] = "package handlers\n\nimport _ \"example.com/you/shop/middleware\" // turnkey\n"
	before["tlsconfig/a.go"] = renamed(t, shop, "shop")["tlsconfig/a.go"]
	pt.Same(t, before, pt.Snapshot(t, dir))
}

func TestSecondRenameChangesPathsOnly(t *testing.T) {
	t.Parallel()
	for _, first := range []string{shop, "shop"} {
		dir := pt.New(t, files)
		rename(t, dir, "-write", first)
		pt.Write(t, dir, "tools/go.mod", "module "+first+"/tools\n\nreplace "+first+" => ..\n")
		want := pt.Snapshot(t, dir)
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
		pt.Same(t, want, pt.Snapshot(t, dir))
	}
}

func TestRenameOverwritesNoOtherFile(t *testing.T) {
	t.Parallel()
	dir := pt.New(t, files)
	pt.Write(t, dir, "scripts/deploy/shop.service", "mine\n")
	before := pt.Snapshot(t, dir)
	err := run(dir, []string{"-write", shop}, io.Discard, io.Discard)
	if err == nil || !strings.Contains(err.Error(),
		"scripts/deploy/turnkey.service is to become scripts/deploy/shop.service, and there is one already") {
		t.Errorf("got %v", err)
	}
	pt.Same(t, before, pt.Snapshot(t, dir))
}

func TestAPathIsAskedForInTheTemplate(t *testing.T) {
	t.Parallel()
	dir := pt.New(t, files)
	err := run(dir, nil, io.Discard, io.Discard)
	if err == nil || !strings.Contains(err.Error(), "→ go run ./scripts/rename example.com/you/shop") {
		t.Errorf("got %v", err)
	}
	if err := run(filepath.Join(dir, "app"), []string{shop}, io.Discard, io.Discard); err == nil ||
		!strings.Contains(err.Error(), "the project's own folder") {
		t.Errorf("in another folder: %v", err)
	}
}

func TestADirtyTreeIsRefused(t *testing.T) {
	t.Parallel()
	for what, soil := range map[string]func(dir string){
		"app/main.go":     func(dir string) { pt.Write(t, dir, "app/main.go", files["app/main.go"]+"// more\n") },
		"handlers/new.go": func(dir string) { pt.Write(t, dir, "handlers/new.go", files["handlers/y.go"]) },
		".ci/e2e/tea.go":  func(dir string) { pt.Write(t, dir, ".ci/e2e/tea.go", "package tea\n") },
		"web/templates/home.html": func(dir string) {
			pt.Write(t, dir, "web/templates/home.html", "Turnkey and mine\n")
			pt.Git(t, dir, "add", "-A")
		},
	} {
		dir := repository(t)
		soil(dir)
		before := pt.Snapshot(t, dir)
		err := run(dir, []string{"-write", shop}, io.Discard, io.Discard)
		if err == nil || !strings.Contains(err.Error(), "not committed: "+what+"\n") ||
			!strings.Contains(err.Error(), "→ git add -A && git commit") {
			t.Errorf("%s: got %v", what, err)
		}
		pt.Same(t, before, pt.Snapshot(t, dir))
		rename(t, dir, shop) // without -write the command changes nothing
		rename(t, dir, "-force", "-write", shop)
		if got := pt.Snapshot(t, dir)["go.mod"]; !strings.HasPrefix(got, "module "+shop) {
			t.Errorf("-force left %q", got)
		}
	}
}

// Files that the rename does not touch may have uncommitted changes. One git command undoes all of the rename.
func TestUncommittedFilesOutsideTheRenameAreAllowed(t *testing.T) {
	t.Parallel()
	dir := repository(t)
	mine := map[string]string{"README.md": "mine\n", "web/static/style.css": "mine\n",
		"handlers/new.go": "package handlers\n", ".ci/mine": "mine\n"}
	for file, text := range mine {
		pt.Write(t, dir, file, text)
	}
	out := rename(t, dir, "-write", shop)
	got := pt.Snapshot(t, dir)
	for file, text := range mine {
		if got[file] != text {
			t.Errorf("%s became %q", file, got[file])
		}
	}
	const undo = "\nto undo it: git stash -u, which puts away all that is not committed\n"
	if !strings.HasSuffix(out, undo) {
		t.Errorf("the last words are not %q:\n%s", undo, out)
	}
	pt.Git(t, dir, "stash", "-u")
	got = pt.Snapshot(t, dir)
	for file, text := range files {
		if got[file] != text {
			t.Errorf("after that %s is %q, want %q", file, got[file], text)
		}
	}
}

func TestIgnoredFilesAreLeft(t *testing.T) {
	t.Parallel()
	dir := repository(t)
	pt.Write(t, dir, "notes/turnkey.txt", "turnkey\n")
	pt.Write(t, dir, ".ci/e2e/artifacts/home.png", "\x00")
	rename(t, dir, shop, "-write") // some people put flags after the arguments
	got := pt.Snapshot(t, dir)
	if got["notes/turnkey.txt"] != "turnkey\n" || got[".env"] != files[".env"] {
		t.Errorf("ignored files were changed: %q", got)
	}
	if !strings.HasPrefix(got["go.mod"], "module "+shop) {
		t.Errorf("go.mod is %q", got["go.mod"])
	}
	if _, there := got[".ci/e2e/artifacts/home.png"]; there {
		t.Error("what the template's tests made is left, and git ignores it no more")
	}
}

// An upgrade adds its files to git's index. The rename may overwrite only files that the index still has.
func TestRepairReadsStagedFiles(t *testing.T) {
	t.Parallel()
	dir := repository(t)
	rename(t, dir, "-write", shop)
	pt.Git(t, dir, "add", "-A")
	pt.Git(t, dir, "commit", "-qm", "rename")

	pt.Write(t, dir, "handlers/x.go", "package handlers // at work\n")
	pt.Write(t, dir, "tlsconfig/a.go", files["tlsconfig/a.go"])
	if err := run(dir, []string{"-write"}, io.Discard, io.Discard); err == nil ||
		!strings.Contains(err.Error(), "not committed: tlsconfig/a.go\n") {
		t.Errorf("a file that git does not hold: %v", err)
	}
	pt.Git(t, dir, "add", "tlsconfig")
	rename(t, dir, "-write")
	got := pt.Snapshot(t, dir)
	if !strings.Contains(got["tlsconfig/a.go"], `"`+shop) || got["handlers/x.go"] != "package handlers // at work\n" {
		t.Errorf("got %q", got)
	}
}

// If the repository around a folder ignores the folder, as with a home directory under git, the rename treats the
// folder as one without git.
func TestAFolderThatTheRepositoryAroundItIgnoresIsRenamed(t *testing.T) {
	t.Parallel()
	dir := repository(t)
	for name, text := range files {
		pt.Write(t, dir, "notes/"+name, text)
	}
	rename(t, dir+"/notes", "-write", shop)
	got := pt.Snapshot(t, dir)
	if !strings.HasPrefix(got["notes/go.mod"], "module "+shop) ||
		!strings.HasPrefix(got["go.mod"], "module "+project.Template) {
		t.Errorf("got %q and %q", got["notes/go.mod"], got["go.mod"])
	}
}

func TestModulePathsThatAreAccepted(t *testing.T) {
	t.Parallel()
	for _, p := range []string{
		"example.com/you/shop", "github.com/JaneDoe/shop", "example.com/shop", "shop", "shop-2", "example/shop", "test/shop",
		"git.example.com/~jane/my_group/shop2", "example.com/a.b/c",
	} {
		if err := checkPath(p); err != nil {
			t.Errorf("%s: %v", p, err)
		}
	}
}

func TestRefusedModulePathsNameTheFix(t *testing.T) {
	t.Parallel()
	for p, want := range map[string]string{
		"":                                       "example.com/you/shop",
		"https://github.com/you/shop":            "github.com/you/shop",
		"https://github.com/you/Shop.git":        "github.com/you/shop",
		"git@github.com:you/shop.git":            "github.com/you/shop",
		"ssh://git@github.com/you/shop":          "github.com/you/shop",
		"example.com/you/shop/":                  "example.com/you/shop",
		"example.com//you/shop":                  "example.com/you/shop",
		"/example.com/you/shop":                  "example.com/you/shop",
		"./shop":                                 "shop",
		`example.com\you\shop`:                   "example.com/you/shop",
		"Example.com/you/shop":                   "example.com/you/shop",
		"example.com/you/Shop":                   "example.com/you/shop",
		"Shop":                                   "shop",
		"example.com/you/my shop":                "example.com/you/my-shop",
		"example.com/you/my_shop":                "example.com/you/my-shop",
		"example.com/you/shop.app":               "example.com/you/shop-app",
		"example.com/you/-shop":                  "example.com/you/shop",
		"example.com/you/7wonders":               "example.com/you/site-7wonders",
		"example.com/you/shop/v2":                "example.com/you/shop",
		"example.com/you/café":                   "example.com/you/caf",
		"example.com/y ou/shop":                  "example.com/you/shop", // no guess is right, so the example
		"example.com/aux/shop":                   "example.com/you/shop",
		"example.com/LONGNA~1/shop":              "example.com/you/shop",
		"example.com/.hidden/shop":               "example.com/you/shop",
		"example.com/you/scripts":                "example.com/you/shop",
		"example.com/you/doctor":                 "example.com/you/shop",
		"example.com/you/data":                   "example.com/you/shop",
		"example.com/you/etc":                    "example.com/you/shop",
		"example.com/vendor/shop":                "example.com/you/shop",
		"example.com/you/vendor":                 "example.com/you/shop",
		"example.com":                            "example.com/you/shop",
		"net":                                    "example.com/you/shop",
		"net/shop":                               "example.com/you/shop",
		"std":                                    "example.com/you/shop",
		"example.com/" + strings.Repeat("x", 64): "example.com/you/shop",
	} {
		err := checkPath(p)
		if err == nil {
			t.Errorf("%q is taken", p)
			continue
		}
		if _, after, _ := strings.Cut(err.Error(), "→ go run ./scripts/rename "); after != want {
			t.Errorf("%q is answered with %q, want %s", p, err, want)
		}
	}
}

func TestCapitalsAreRefusedWithTheTitleThatPagesGet(t *testing.T) {
	t.Parallel()
	for p, want := range map[string]string{"Shop": "titled Shop", "example.com/you/Tea-Shop": "titled Tea Shop", "Example.com/shop": "titled Shop"} {
		if err := checkPath(p); err == nil || !strings.Contains(err.Error(), "has capitals") || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", p, err)
		}
	}
}

func TestModulePathWithoutADotIsReported(t *testing.T) {
	t.Parallel()
	for p, want := range map[string]bool{"shop": true, "you/shop": true, "example.com/you/shop": false,
		"example/shop": false} {
		if got := warning(p) != ""; got != want {
			t.Errorf("%s: %t, want %t", p, got, want)
		}
	}
}

func TestAPathInsideTheOldOneIsRefused(t *testing.T) {
	t.Parallel()
	dir := pt.New(t, files)
	err := run(dir, []string{"example.com/turnkey/shop"}, nil, nil)
	if err == nil || !strings.Contains(err.Error(), "choose a path beside it") {
		t.Errorf("got %v", err)
	}
}

// A project that had the path of a module that it requires, or one around it, would have that module's imports for its
// own.
func TestAPathThatOtherCodeHasIsRefused(t *testing.T) {
	t.Parallel()
	for p, want := range map[string]string{
		"github.com/acme/turnkey-sdk": "go.mod requires github.com/acme/turnkey-sdk",
		"github.com/acme":             "go.mod requires github.com/acme/turnkey-sdk",
		"example.com/turnkey":         "is the template's own path",
		"github.com/acme/turnkey":     "",
	} {
		dir := pt.New(t, files)
		before := pt.Snapshot(t, dir)
		err := run(dir, []string{"-write", p}, io.Discard, io.Discard)
		if want == "" {
			if err != nil {
				t.Errorf("%s: %v", p, err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", p, err, want)
		}
		pt.Same(t, before, pt.Snapshot(t, dir))
	}
}

// Helpers

// repository is a project in git, committed, with an empty configuration.
func repository(t *testing.T) string {
	t.Helper()
	dir := pt.New(t, files)
	pt.Write(t, dir, ".gitignore", "/bin/\n/certs/\n.env\n/notes/\n")
	pt.Git(t, dir, "init", "-q")
	pt.Git(t, dir, "add", "-A")
	pt.Git(t, dir, "commit", "-qm", "begin")
	return dir
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
