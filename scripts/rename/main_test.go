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
	"go.mod":               "module example.com/turnkey\n\ngo 1.26.0\n\nrequire github.com/acme/turnkey-sdk v1.0.0\n",
	".ci/e2e/go.mod":       "module example.com/turnkey/e2e\n\ngo 1.26.0\n\nreplace example.com/turnkey => ../..\n",
	"README.md":            "# Turnkey\n\nmade in ~/.local/share/turnkey, git remote add starter https://example.com/turnkey\nbin/turnkey check\n",
	"LICENSE":              "Copyright (c) 2026 The Turnkey authors\n",
	"Makefile":             "BIN := bin/$(notdir $(shell go list -m))\nrun:\n\tTURNKEY_DEBUG=1 bin/turnkey # unlike example.com/turnkey-tools and my.example.com/turnkey\n",
	".env.example":         "#TURNKEY_NAME=turnkey\n",
	".env":                 "SECRET=turnkey\n",
	"certs/ca.pem":         "turnkey\n",
	"bin/turnkey":          "turnkey\n",
	"web/icon.bin":         "turnkey\x00turnkey",
	"web/home.html":        "<title>Turnkey</title><p class=\"turnkey-lead\" data-x=\"turnkey_x\">\n",
	"app/main.go":          "package main\n\nimport (\n\t\"example.com/turnkey/handlers\"\n\t\"github.com/acme/turnkey-sdk\"\n)\n\nvar turnkeyName, NewTurnkey = \"turnkey\", sdk.Turnkey(handlers.X)\n",
	"handlers/x.go":        "package handlers\r\n\r\nconst X = \"https://turnkey.localhost\"\r\n",
	"tlsconfig/a.go":       "package tlsconfig\n\nimport \"example.com/turnkey/tlsconfig/localca\"\n\nconst prefix = \"turnkey:\" + localca.X // of example.com/turnkey\n",
	"deploy/run.sh":        "#!/bin/sh\nexec /opt/turnkey/turnkey\n",
	"scripts/rename/.keep": "",

	"deploy/turnkey.service":        "[Service]\nExecStart=/usr/local/bin/turnkey\nStateDirectory=turnkey\n",
	"deploy/turnkey/turnkey-svc.md": "X-Turnkey-Id of Turnkey\n",
	"web/turnkey/turnkey.css":       "",
}

func TestAPlanChangesNothing(t *testing.T) {
	dir := project(t, files)
	before := snapshot(t, dir)
	out := rename(t, dir, shop)
	for _, want := range []string{
		"example.com/turnkey → example.com/you/shop\n", "  app/main.go: ", "2 places, becomes deploy/shop.service\n",
		"stays\n", "  1 place: where the template is, for upgrades\n",
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

func TestARename(t *testing.T) {
	dir := project(t, files)
	rename(t, dir, "-write", "example.com/you/my-shop")
	want := map[string]string{
		"go.mod":         "module example.com/you/my-shop\n\ngo 1.26.0\n\nrequire github.com/acme/turnkey-sdk v1.0.0\n",
		".ci/e2e/go.mod": "module example.com/you/my-shop/e2e\n\ngo 1.26.0\n\nreplace example.com/you/my-shop => ../..\n",
		"README.md":      "# My Shop\n\nmade in ~/.local/share/turnkey, git remote add starter https://example.com/turnkey\nbin/my-shop check\n",
		"Makefile":       "BIN := bin/$(notdir $(shell go list -m))\nrun:\n\tMY_SHOP_DEBUG=1 bin/my-shop # unlike example.com/turnkey-tools and my.example.com/turnkey\n",
		".env.example":   "#MY_SHOP_NAME=my-shop\n",
		"web/home.html":  "<title>My Shop</title><p class=\"my-shop-lead\" data-x=\"my_shop_x\">\n",
		// gofmt keeps the imports sorted, another module's name is its own, and identifiers are identifiers.
		"app/main.go":    "package main\n\nimport (\n\t\"example.com/you/my-shop/handlers\"\n\t\"github.com/acme/turnkey-sdk\"\n)\n\nvar myShopName, NewMyShop = \"my-shop\", sdk.MyShop(handlers.X)\n",
		"handlers/x.go":  "package handlers\r\n\r\nconst X = \"https://my-shop.localhost\"\r\n",
		"tlsconfig/a.go": "package tlsconfig\n\nimport \"example.com/you/my-shop/tlsconfig/localca\"\n\nconst prefix = \"turnkey:\" + localca.X // of example.com/turnkey\n",
		"deploy/run.sh":  "#!/bin/sh\nexec /opt/my-shop/my-shop\n",

		"deploy/my-shop.service":        "[Service]\nExecStart=/usr/local/bin/my-shop\nStateDirectory=my-shop\n",
		"deploy/my-shop/my-shop-svc.md": "X-My-Shop-Id of My Shop\n",
		"web/my-shop/my-shop.css":       "",
	}
	for _, kept := range []string{"LICENSE", ".env", "certs/ca.pem", "bin/turnkey", "web/icon.bin", "scripts/rename/.keep"} {
		want[kept] = files[kept]
	}
	same(t, want, snapshot(t, dir))
	if _, err := os.Stat(filepath.Join(dir, "deploy", "turnkey")); !os.IsNotExist(err) {
		t.Errorf("the old folder is still there: %v", err)
	}
	if info, err := os.Stat(filepath.Join(dir, "deploy", "run.sh")); err != nil {
		t.Error(err)
	} else if got := info.Mode().Perm(); got != 0o755 && runtime.GOOS != "windows" {
		t.Errorf("the script's mode became %v", got)
	}
}

// Whatever the new path is, also one with the old name in it: a second run, with the path or without, has nothing to do.
func TestTheSecondRunHasNothingToDo(t *testing.T) {
	for _, to := range []string{
		shop, "shop", "example.com/you/turnkey", "example.com/you/turnkey-shop", "github.com/turnkey/shop", "github.com/Turnkey-Inc/my-turnkey",
		"example.com/turnkey-shop", "example.com/turnkey2", "zoo.example/shop",
	} {
		dir := project(t, files)
		rename(t, dir, "-write", to)
		before := snapshot(t, dir)
		if got := before["go.mod"]; !strings.HasPrefix(got, "module "+to+"\n") {
			t.Errorf("go.mod is %q", got)
		}
		if got := before["app/main.go"]; !strings.Contains(got, `"`+to+`/handlers"`) || !strings.Contains(got, `"github.com/acme/turnkey-sdk"`) {
			t.Errorf("app/main.go is %q", got)
		}
		if got := before["app/main.go"]; gofmt(t, got) != got {
			t.Errorf("app/main.go is not as gofmt would have it: %s", got)
		}
		for _, args := range [][]string{{to}, {"-write", to}, {"-write"}, nil} {
			if out := rename(t, dir, args...); out != "nothing to do: this is "+to+" already\n" {
				t.Errorf("rename %q of %s says %s", args, to, out)
			}
		}
		same(t, before, snapshot(t, dir))
	}
}

// Whoever is called as the template is keeps their own address.
func TestAnOwnerOfTheSameNameKeepsIt(t *testing.T) {
	dir := project(t, files)
	rename(t, dir, "-write", "github.com/turnkey/shop")
	const address = "see https://github.com/turnkey, or github.com/turnkey\n"
	write(t, dir, "README.md", address)
	rename(t, dir, "-write", "github.com/turnkey/shop")
	if got := snapshot(t, dir)["README.md"]; got != address {
		t.Errorf("the README became %q", got)
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
	begun["go.mod"] = strings.Replace(files["go.mod"], template, shop, 1)
	begun["app/main.go"] = strings.Replace(files["app/main.go"], template, shop, 1)
	dir, whole := project(t, begun), project(t, files)
	rename(t, dir, "-write", shop)
	rename(t, whole, "-write", shop)
	same(t, snapshot(t, whole), snapshot(t, dir))
}

func TestARunThatWasCutShortIsFinished(t *testing.T) {
	dir, whole := project(t, files), project(t, files)
	write(t, dir, "web/shop", "in the way of a folder\n")
	err := run(dir, []string{"-write", shop}, io.Discard, io.Discard)
	if err == nil || !strings.Contains(err.Error(), "→ mend that, and run the same again") {
		t.Fatalf("got %v", err)
	}
	if got := snapshot(t, dir); got["go.mod"] != files["go.mod"] || got["README.md"] == files["README.md"] {
		t.Fatalf("it was not cut short between the first file and go.mod: %q", got)
	}
	if err := os.Remove(filepath.Join(dir, "web", "shop")); err != nil {
		t.Fatal(err)
	}
	rename(t, dir, "-write", shop)
	rename(t, whole, "-write", shop)
	same(t, snapshot(t, whole), snapshot(t, dir))
}

// After an upgrade: imports are mended everywhere, names in the template's rooms alone.
func TestARepairLeavesTheOwnersWords(t *testing.T) {
	dir := project(t, files)
	rename(t, dir, "-write", shop)
	const advert = "<p>Turnkey apartments, see example.com/turnkey\n"
	write(t, dir, "web/home.html", advert)
	write(t, dir, "handlers/x.go", "package handlers\n\nimport _ \"example.com/turnkey/middleware\" // turnkey\n")
	write(t, dir, "tlsconfig/a.go", files["tlsconfig/a.go"])
	write(t, dir, "app/main.go", files["app/main.go"])
	out := rename(t, dir, "-write")
	if want := "3 places in files of yours: turnkey, which stays; to see them: go run ./scripts/rename example.com/you/shop\n"; !strings.Contains(out, want) {
		t.Errorf("%q is not in:\n%s", want, out)
	}
	got := snapshot(t, dir)
	if got["web/home.html"] != advert {
		t.Errorf("the owner's page became %q", got["web/home.html"])
	}
	if want := "package handlers\n\nimport _ \"example.com/you/shop/middleware\" // turnkey\n"; got["handlers/x.go"] != want {
		t.Errorf("the owner's handler became %q", got["handlers/x.go"])
	}
	for _, file := range []string{"tlsconfig/a.go", "app/main.go"} {
		if strings.Contains(got[file], `"`+template) || !strings.Contains(got[file], `"`+shop) {
			t.Errorf("%s became %q", file, got[file])
		}
	}
}

func TestASecondNameChangesPathsAndLeavesTheWord(t *testing.T) {
	for _, first := range []string{shop, "shop"} {
		dir := project(t, files)
		rename(t, dir, "-write", first)
		out := rename(t, dir, "-write", "example.com/you/store")
		if want := "the word shop stays, as only you know where it means the project; to see it: git grep -in shop\n"; !strings.Contains(out, want) {
			t.Errorf("%q is not in:\n%s", want, out)
		}
		got := snapshot(t, dir)
		for _, file := range []string{"app/main.go", "tlsconfig/a.go", "go.mod", ".ci/e2e/go.mod"} {
			if strings.Contains(strings.ReplaceAll(got[file], "example.com/you/store", ""), "/shop") || !strings.Contains(got[file], "example.com/you/store") {
				t.Errorf("from %s, %s became %q", first, file, got[file])
			}
		}
		if !strings.Contains(got["README.md"], "# Shop\n") {
			t.Errorf("the README became %q", got["README.md"])
		}
	}
}

func TestTwoFilesDoNotBecomeOne(t *testing.T) {
	dir := project(t, files)
	write(t, dir, "deploy/shop.service", "mine\n")
	before := snapshot(t, dir)
	err := run(dir, []string{"-write", shop}, io.Discard, io.Discard)
	if err == nil || !strings.Contains(err.Error(), "deploy/shop.service and deploy/turnkey.service would both be deploy/shop.service") {
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
