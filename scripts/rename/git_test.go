package main

import (
	"io"
	"strings"
	"testing"

	"example.com/turnkey/scripts/internal/module"
	pt "example.com/turnkey/scripts/internal/projecttest"
)

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

func TestADirtyTreeIsRefused(t *testing.T) {
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
	dir := repository(t)
	for name, text := range files {
		pt.Write(t, dir, "notes/"+name, text)
	}
	rename(t, dir+"/notes", "-write", shop)
	got := pt.Snapshot(t, dir)
	if !strings.HasPrefix(got["notes/go.mod"], "module "+shop) ||
		!strings.HasPrefix(got["go.mod"], "module "+module.Template) {
		t.Errorf("got %q and %q", got["notes/go.mod"], got["go.mod"])
	}
}
