package main

import (
	"archive/zip"
	"bytes"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"example.com/turnkey/scripts/internal/project"
	pt "example.com/turnkey/scripts/internal/projecttest"
)

// own sorts after fmt among the imports. The starter's path sorts before it.
const own = "zoo.example/shop"

// first is a small starter. The comments tell its versions apart.
var first = map[string]string{
	"go.mod":                    "module example.com/turnkey\n\ngo 1.25.0\n",
	"scripts/rooms/rooms.txt":   "middleware\napp/old\nscripts/rooms\nscripts/run.sh\n",
	"scripts/run.sh":            "#!/bin/sh\n",
	"middleware/csp.go":         "package middleware // first\n",
	"middleware/same.go":        "package middleware\n\nimport (\n\t_ \"example.com/turnkey/middleware/names\"\n\t_ \"fmt\"\n)\n",
	"middleware/names/names.go": "package names\n",
	"middleware/moves.go":       "package middleware // moves\n",
	"app/old/old.go":            "package old\n",
	"app/main.go":               "package main // first\n",
	"handlers/home.go":          "package handlers // first\n",
}

// second is the starter's next version: one file changed, one moved, one room added and one removed.
var second = changed(first, map[string]string{
	"scripts/rooms/rooms.txt": "middleware\napp/kit\nscripts/rooms\nscripts/run.sh\n",
	"middleware/csp.go":       "package middleware // second\n",
	"middleware/moves.go":     "",
	"middleware/moved.go":     "package middleware // moves\n",
	"app/old/old.go":          "",
	"app/kit/kit.go":          "package kit\n\nimport _ \"example.com/turnkey/middleware\"\n",
	"app/kit/run.sh":          "#!/bin/sh\n",
	"app/main.go":             "package main // second\n",
	"handlers/home.go":        "package handlers // second\n",
})

// work has the owner's edits, in files that are the owner's.
var work = map[string]string{
	"app/main.go":           "package main // mine\n",
	"app/billing/bill.go":   "package billing\n",
	"handlers/tea.go":       "package handlers\n",
	"scripts/brew/brew.go":  "package main\n",
	"web/templates/home.md": "example.com/turnkey\n",
}

func TestUpgradeReplacesOnlyClosedRooms(t *testing.T) {
	t.Parallel()
	starter, dir := begin(t)
	before := pt.Snapshot(t, dir)
	publish(t, starter, second)

	out := upgrade(t, dir, starter)
	got := pt.Snapshot(t, dir)
	want := changed(before, map[string]string{
		"scripts/rooms/rooms.txt": second["scripts/rooms/rooms.txt"], "middleware/csp.go": second["middleware/csp.go"],
		"middleware/moves.go": "", "middleware/moved.go": second["middleware/moved.go"], "app/old/old.go": "",
		"app/kit/kit.go": "package kit\n\nimport _ \"" + own + "/middleware\"\n", "app/kit/run.sh": "#!/bin/sh\n",
		record: pt.Git(t, starter, "rev-parse", "HEAD") + "\n",
	})
	pt.Same(t, want, got)
	if _, err := os.Stat(filepath.Join(dir, "app", "old")); err == nil {
		t.Error("an empty folder stays")
	}
	if info, err := os.Stat(filepath.Join(dir, "app", "kit", "run.sh")); err != nil || os.PathSeparator == '/' &&
		info.Mode().Perm()&0o100 == 0 {
		t.Errorf("the script may not run: %v", err)
	}
	for _, line := range []string{"  app/kit                      2 files new\n",
		"  app/old                      1 file removed\n",
		"  middleware                   1 file replaced, 1 file new, 1 file removed\n"} {
		if !strings.Contains(out, line) {
			t.Errorf("%q is not in\n%s", line, out)
		}
	}
	_, command, _ := strings.Cut(out, "to undo it: git ")
	pt.Git(t, dir, strings.Fields(command)...)
	pt.Same(t, before, pt.Snapshot(t, dir))

	pt.Git(t, dir, "stash", "pop", "-q")
	pt.Commit(t, dir, "upgrade")
	if out := upgrade(t, dir, starter); !strings.HasPrefix(out, "nothing to do: ") {
		t.Errorf("a second run says\n%s", out)
	}
	publish(t, starter, changed(second, map[string]string{"middleware/csp.go": "package middleware // third\n"}))
	upgrade(t, dir, starter) // the files from the first upgrade do not count as the owner's edits
}

// The remote named starter is the default, and an argument can name a branch.
func TestTheRemoteNamedStarterIsTheDefault(t *testing.T) {
	t.Parallel()
	starter, dir := begin(t)
	pt.Git(t, dir, "remote", "rename", "origin", "starter")
	pt.Git(t, starter, "checkout", "-qb", "next")
	publish(t, starter, second)
	pt.Git(t, starter, "checkout", "-q", "main")
	if out := upgrade(t, dir); !strings.HasPrefix(out, "nothing to do: ") {
		t.Errorf("the default branch has nothing new:\n%s", out)
	}
	upgrade(t, dir, "starter", "next")
	if got := pt.Snapshot(t, dir)["middleware/csp.go"]; got != second["middleware/csp.go"] {
		t.Errorf("csp.go is %q", got)
	}
}

// The command finds the owner's edits in closed rooms in every kind of history, also at the second upgrade.
func TestEditsInClosedRoomsAreAskedAbout(t *testing.T) {
	t.Parallel()
	for _, history := range []string{"cloned", "own", "upgraded before"} {
		t.Run(history, func(t *testing.T) {
			t.Parallel()
			starter, dir := begin(t)
			switch history {
			case "own":
				if err := os.RemoveAll(filepath.Join(dir, ".git")); err != nil {
					t.Fatal(err)
				}
				pt.Commit(t, dir, "begin")
				publish(t, starter, changed(first, map[string]string{"middleware/csp.go": "package middleware // between\n"}))
			case "upgraded before":
				publish(t, starter, changed(first, map[string]string{"middleware/csp.go": "package middleware // between\n"}))
				upgrade(t, dir, starter)
				pt.Commit(t, dir, "upgrade")
			}
			edits := map[string]string{"middleware/csp.go": "package middleware // mine\n",
				"middleware/mine.go": "package middleware\n", "scripts/run.sh": ""}
			edit(t, dir, edits)
			pt.Commit(t, dir, "patch")
			before := pt.Snapshot(t, dir)
			publish(t, starter, second)

			answers := []io.Reader{nil}
			if history == "cloned" {
				answers = append(answers, strings.NewReader("n\n"), strings.NewReader("\n"), strings.NewReader(""))
			}
			for _, in := range answers {
				out, err := try(dir, in, starter)
				if err == nil || !strings.Contains(err.Error(), "→ -yes replaces these files") {
					t.Fatalf("got %v", err)
				}
				if _, list, _ := strings.Cut(out, ":\n"); !strings.HasPrefix(list,
					"  middleware/csp.go                        replaced\n"+
						"  middleware/mine.go                       removed\n  scripts/run.sh                           new\n") ||
					strings.Contains(out, "replace 3 files by the newer version's?") != (in != nil) {
					t.Errorf("it lists\n%s", out)
				}
				pt.Same(t, before, pt.Snapshot(t, dir))
			}
			if _, err := try(dir, strings.NewReader("y\n"), starter); err != nil {
				t.Fatal(err)
			}
			answered := pt.Snapshot(t, dir)
			undone(t, dir, before)
			upgrade(t, dir, "-yes", starter)
			got := pt.Snapshot(t, dir)
			pt.Same(t, answered, got)
			if _, there := got["middleware/mine.go"]; there || got["middleware/csp.go"] != second["middleware/csp.go"] ||
				got["scripts/run.sh"] != second["scripts/run.sh"] {
				t.Errorf("got %q", got)
			}
		})
	}
}

// If the newer version has the owner's edit too, the upgrade loses nothing and does not ask.
func TestEditThatTheStarterAdoptedNeedsNoAnswer(t *testing.T) {
	t.Parallel()
	starter, dir := begin(t)
	edit(t, dir, map[string]string{"middleware/csp.go": second["middleware/csp.go"]})
	pt.Commit(t, dir, "patch")
	publish(t, starter, second)
	upgrade(t, dir, starter)
}

func TestEditedRoomThatTheStarterRemovedStays(t *testing.T) {
	t.Parallel()
	starter, dir := begin(t)
	edit(t, dir, map[string]string{"app/old/old.go": "package old // mine\n"})
	pt.Commit(t, dir, "patch")
	publish(t, starter, second)
	out := upgrade(t, dir, starter)
	if got := pt.Snapshot(t, dir)["app/old/old.go"]; got != "package old // mine\n" ||
		!strings.Contains(out, "  app/old                      stays, as you changed it") {
		t.Errorf("the file is %q, and it says\n%s", got, out)
	}
}

// A mode that changes alone is a change: of the starter's, which is taken, and of the owner's, which is asked about.
func TestAChangeOfModeAloneIsTaken(t *testing.T) {
	t.Parallel()
	if os.PathSeparator != '/' {
		t.Skip("files have no such mode here")
	}
	starter, dir := begin(t)
	runs := func(name string) bool {
		info, err := os.Stat(filepath.Join(dir, name))
		return err == nil && info.Mode()&0o100 != 0
	}
	chmod := func(dir, name string, mode os.FileMode) {
		if err := os.Chmod(filepath.Join(dir, name), mode); err != nil {
			t.Fatal(err)
		}
		pt.Commit(t, dir, "mode")
	}
	chmod(starter, "middleware/csp.go", 0o755)
	chmod(starter, "scripts/run.sh", 0o644)
	upgrade(t, dir, starter)
	if !runs("middleware/csp.go") || runs("scripts/run.sh") {
		t.Error("the modes were not taken")
	}
	pt.Git(t, dir, "stash", "-qu")
	if runs("middleware/csp.go") || !runs("scripts/run.sh") {
		t.Error("the modes were not undone")
	}
	upgrade(t, dir, starter)
	pt.Commit(t, dir, "upgrade")
	if out := upgrade(t, dir, starter); !strings.HasPrefix(out, "nothing to do: ") {
		t.Errorf("a second run says\n%s", out)
	}
	chmod(dir, "middleware/same.go", 0o755)
	if out, err := try(dir, nil, starter); err == nil || !strings.Contains(out, "  middleware/same.go ") {
		t.Errorf("%v, and it says\n%s", err, out)
	}
}

// A room that the owner wrote into the list himself is no room that the starter removed.
func TestARoomThatTheOwnerListedStays(t *testing.T) {
	t.Parallel()
	starter, dir := begin(t)
	edit(t, dir, map[string]string{"scripts/rooms/rooms.txt": first["scripts/rooms/rooms.txt"] + "app/billing\n"})
	pt.Commit(t, dir, "close a room")
	publish(t, starter, second)
	out := upgrade(t, dir, "-yes", starter)
	if got := pt.Snapshot(t, dir)["app/billing/bill.go"]; got != work["app/billing/bill.go"] ||
		!strings.Contains(out, "  app/billing                  stays, as it is yours: the starter never had it") {
		t.Errorf("the file is %q, and it says\n%s", got, out)
	}
}

// The owner has copied the newest rooms by hand and still has old requirements.
func TestRequirementsAreRaisedWithoutNewRooms(t *testing.T) {
	t.Parallel()
	starter, dir := begin(t)
	edit(t, dir, map[string]string{"go.mod": "module " + own + "\n\ngo 1.24.0\n"})
	pt.Commit(t, dir, "old")
	out := upgrade(t, dir, starter)
	got := pt.Snapshot(t, dir)
	if got["go.mod"] != "module "+own+"\n\ngo 1.25.0\n" || got[record] == "" ||
		!strings.Contains(out, "changed: git diff go.mod") {
		t.Errorf("go.mod is %q, the record %q, and it says\n%s", got["go.mod"], got[record], out)
	}
	edit(t, dir, map[string]string{"go.mod": "module " + own + "\n\ngo 1.26.0\n"})
	pt.Commit(t, dir, "newer Go")
	if out := upgrade(t, dir, starter); !strings.HasPrefix(out, "nothing to do: ") {
		t.Errorf("with a newer Go it says\n%s", out)
	}
}

// In a shared history the command must find the version that the project has, even if an older version is more like the
// project.
func TestADeletedFileIsSeenThoughAnOlderVersionLackedItToo(t *testing.T) {
	t.Parallel()
	starter := pt.New(t, changed(first, map[string]string{"scripts/run.sh": ""}))
	pt.Commit(t, starter, "older")
	publish(t, starter, first)
	dir := cloned(t, starter)
	edit(t, dir, map[string]string{"scripts/run.sh": ""})
	pt.Commit(t, dir, "patch")
	publish(t, starter, second)
	if out, err := try(dir, nil, starter); err == nil || !strings.Contains(out,
		"  scripts/run.sh                           new\n") {
		t.Errorf("%v, and it says\n%s", err, out)
	}
}

func TestNewRoomDoesNotReplaceAnOwnersFolder(t *testing.T) {
	t.Parallel()
	starter, dir := begin(t)
	edit(t, dir, map[string]string{"app/kit/mine.go": "package kit\n"})
	pt.Commit(t, dir, "work")
	before := pt.Snapshot(t, dir)
	publish(t, starter, second)
	if _, err := try(dir, nil, "-yes", starter); err == nil || !strings.Contains(err.Error(),
		"where you have files: app/kit/mine.go\n  → move yours first") {
		t.Errorf("got %v", err)
	}
	pt.Same(t, before, pt.Snapshot(t, dir))
}

func TestUpgradeRefusals(t *testing.T) {
	t.Parallel()
	starter := newStarter(t)
	pt.Git(t, starter, "checkout", "-qb", "old")
	publish(t, starter, changed(first, map[string]string{"scripts/rooms/rooms.txt": ""}))
	pt.Git(t, starter, "checkout", "-q", "main")
	for name, test := range map[string]struct {
		soil func(dir string)
		args []string
		want string
	}{
		"a changed file": {soil: func(dir string) { pt.Write(t, dir, "app/main.go", "package main\n") },
			want: "   M app/main.go\n  → git add -A && git commit, or git stash -u"},
		"a new file": {soil: func(dir string) { pt.Write(t, dir, "notes.txt", "") }, want: "?? notes.txt"},
		"no git": {soil: func(dir string) { os.RemoveAll(filepath.Join(dir, ".git")) },
			want: "not a git repository\n  → git init"},
		"no list": {soil: func(dir string) { os.Remove(filepath.Join(dir, "scripts/rooms/rooms.txt")) },
			want: "\n  $ git checkout FETCH_HEAD -- "},
		"no go.mod": {soil: func(dir string) { os.Remove(filepath.Join(dir, "go.mod")) },
			want: "there is no go.mod here"},
		"not renamed": {soil: func(dir string) { pt.Write(t, dir, "go.mod", first["go.mod"]) },
			want: "→ make it yours first: go run ./scripts/rename"},
		"no such remote": {args: []string{"/nowhere/at/all"}, want: "fetching HEAD of /nowhere/at/all: "},
		"no such branch": {args: []string{starter, "none"}, want: "fetching none of "},
		"an older starter": {args: []string{starter, "old"}, want: "old of " + starter +
			" is no version of the starter that this program knows"},
		"too much": {args: []string{"a", "b", "c"}, want: "at most a remote and a branch"},
	} {
		dir := newProject(t, starter)
		if test.soil != nil {
			test.soil(dir)
		}
		if test.args == nil {
			test.args = []string{starter}
		}
		before := pt.Snapshot(t, dir)
		if _, err := try(dir, nil, test.args...); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %q", name, err, test.want)
		}
		pt.Same(t, before, pt.Snapshot(t, dir))
	}
}

// What git does not hold, it cannot give back.
func TestWorkThatGitCannotGiveBackIsRefused(t *testing.T) {
	t.Parallel()
	starter := newStarter(t)
	publish(t, starter, second)
	link := func(t *testing.T, dir, name, outside, to string) {
		if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(filepath.Join(outside, to), filepath.Join(dir, name)); err != nil {
			t.Skip("this system has no links for everyone: ", err)
		}
		pt.Commit(t, dir, "link")
	}
	for name, test := range map[string]struct {
		soil func(t *testing.T, dir, outside string)
		want string
	}{
		"a new file that the configuration hides": {soil: func(t *testing.T, dir, _ string) {
			pt.Git(t, dir, "config", "status.showUntrackedFiles", "no")
			pt.Write(t, dir, "middleware/mine.go", "package middleware\n")
		}, want: "?? middleware/mine.go"},
		"a file that is assumed to be unchanged": {soil: func(t *testing.T, dir, _ string) {
			pt.Git(t, dir, "update-index", "--assume-unchanged", "middleware/csp.go")
			pt.Write(t, dir, "middleware/csp.go", "package middleware // mine\n")
		}, want: "git does not look at: middleware/csp.go\n"},
		"a file that is left out of the work tree": {soil: func(t *testing.T, dir, _ string) {
			pt.Git(t, dir, "update-index", "--skip-worktree", "middleware/csp.go")
			pt.Write(t, dir, "middleware/csp.go", "package middleware // mine\n")
		}, want: "git does not look at: middleware/csp.go\n"},
		"an ignored file": {soil: func(t *testing.T, dir, _ string) {
			edit(t, dir, map[string]string{".gitignore": "kit.go\n"})
			pt.Commit(t, dir, "ignore")
			pt.Write(t, dir, "app/kit/kit.go", "mine\n")
		}, want: "that git ignores: app/kit/kit.go\n"},
		"an ignored file where a folder is to be": {soil: func(t *testing.T, dir, _ string) {
			edit(t, dir, map[string]string{".gitignore": "/app/kit\n"})
			pt.Commit(t, dir, "ignore")
			pt.Write(t, dir, "app/kit", "mine\n")
		}, want: "that git ignores: app/kit\n"},
		"a link in place of a file": {soil: func(t *testing.T, dir, outside string) {
			pt.Write(t, outside, "csp.go", first["middleware/csp.go"])
			link(t, dir, "middleware/csp.go", outside, "csp.go")
		}, want: "no ordinary file: middleware/csp.go\n"},
		"a link in place of a folder": {soil: func(t *testing.T, dir, outside string) {
			pt.Write(t, outside, "names/names.go", first["middleware/names/names.go"])
			link(t, dir, "middleware/names", outside, "names")
		}, want: "no ordinary file: middleware/names\n"},
		"a link where a new room is to be": {soil: func(t *testing.T, dir, outside string) {
			pt.Write(t, outside, "kit/mine.go", "mine\n")
			link(t, dir, "app/kit", outside, "kit")
		}, want: "where you have files: app/kit\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, outside := newProject(t, starter), t.TempDir()
			test.soil(t, dir, outside)
			before, around := texts(t, dir), pt.Snapshot(t, outside)
			if _, err := try(dir, nil, "-yes", starter); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
			pt.Same(t, before, texts(t, dir))
			pt.Same(t, around, pt.Snapshot(t, outside))
		})
	}
}

// The owner's .gitignore may match a new file of the starter. It is part of the commit and of the undo nevertheless.
func TestANewFileThatGitIgnoresIsCommittedAndUndone(t *testing.T) {
	t.Parallel()
	starter, dir := begin(t)
	edit(t, dir, map[string]string{".gitignore": "kit.go\n"})
	pt.Commit(t, dir, "ignore")
	before := pt.Snapshot(t, dir)
	publish(t, starter, second)
	upgrade(t, dir, starter)
	undone(t, dir, before)
	upgrade(t, dir, starter)
	pt.Commit(t, dir, "upgrade")
	if got := pt.Git(t, dir, "ls-files", "app/kit"); got != "app/kit/kit.go\napp/kit/run.sh" {
		t.Errorf("git has %q", got)
	}
	if out := upgrade(t, dir, starter); !strings.HasPrefix(out, "nothing to do: ") {
		t.Errorf("a second run says\n%s", out)
	}
}

// A room that leaves the list while the starter keeps its files becomes the owner's.
func TestARoomThatTheStarterOpensBecomesTheOwners(t *testing.T) {
	t.Parallel()
	starter, dir := begin(t)
	edit(t, dir, map[string]string{"app/old/mine.go": "package old\n"})
	pt.Commit(t, dir, "work in a room")
	before := pt.Snapshot(t, dir)
	list := "middleware\nscripts/rooms\nscripts/run.sh\n"
	publish(t, starter, changed(first, map[string]string{"app/old/old.go": "package old // second\n",
		"scripts/rooms/rooms.txt": list}))
	out := upgrade(t, dir, starter)
	pt.Same(t, changed(before, map[string]string{"scripts/rooms/rooms.txt": list,
		record: pt.Git(t, starter, "rev-parse", "HEAD") + "\n"}), pt.Snapshot(t, dir))
	if !strings.Contains(out, "  app/old                      yours from now on\n") ||
		!strings.Contains(out, " scripts/deploy app/old\n") || strings.Contains(out, "stays") {
		t.Errorf("it says\n%s", out)
	}
}

// The configuration may hide new files from git status.
func TestNewFilesAloneAreAnUpgradeWhereGitDoesNotShowThem(t *testing.T) {
	t.Parallel()
	starter, dir := begin(t)
	pt.Git(t, dir, "config", "status.showUntrackedFiles", "no")
	before := pt.Snapshot(t, dir)
	publish(t, starter, changed(first, map[string]string{"middleware/more.go": "package middleware\n"}))
	if out := upgrade(t, dir, starter); !strings.Contains(out, "  middleware                   1 file new\n") {
		t.Errorf("it says\n%s", out)
	}
	undone(t, dir, before)
}

func TestAFileMayBecomeAFolderAndAFolderAFile(t *testing.T) {
	t.Parallel()
	starter, dir := begin(t)
	before := pt.Snapshot(t, dir)
	publish(t, starter, changed(first, map[string]string{"app/old/old.go": "", "app/old": "a\n",
		"middleware/moves.go": "", "middleware/moves.go/moves.txt": "b\n"}))
	upgrade(t, dir, starter)
	if got := pt.Snapshot(t, dir); got["app/old"] != "a\n" || got["middleware/moves.go/moves.txt"] != "b\n" {
		t.Errorf("got %q", got)
	}
	undone(t, dir, before)
}

// A project may be a folder of a larger repository.
func TestAProjectInsideARepository(t *testing.T) {
	t.Parallel()
	starter, shop := begin(t)
	around := pt.New(t, map[string]string{"README.md": "around\n"})
	for name, text := range pt.Snapshot(t, shop) {
		pt.Write(t, around, "shop/"+name, text)
	}
	pt.Write(t, around, "shop/middleware/csp.go", "package middleware // mine\n")
	pt.Commit(t, around, "begin")
	publish(t, starter, second)
	before := pt.Snapshot(t, around)
	out, err := try(filepath.Join(around, "shop"), nil, starter)
	if err == nil || !strings.Contains(out, ":\n  middleware/csp.go                        replaced\n") ||
		strings.Count(out, "\n") != 2 {
		t.Errorf("%v, and it says\n%s", err, out)
	}
	out = upgrade(t, filepath.Join(around, "shop"), "-yes", starter)
	_, command, _ := strings.Cut(out, "as the starter changed it: git ")
	command, _, _ = strings.Cut(command, "\n")
	if diff := pt.Git(t, filepath.Join(around, "shop"), strings.Fields(command)...); !strings.Contains(diff,
		"+package main // second\n") {
		t.Errorf("git %s says\n%s", command, diff)
	}
	if got := pt.Snapshot(t, around)["shop/app/kit/kit.go"]; !strings.Contains(got, own) {
		t.Errorf("kit.go is %q", got)
	}
	undone(t, around, before)
}

// The upgrade keeps the newer of two versions, from the project or the starter. The modules come from a proxy in a
// folder.
func TestRequirementsAreRaisedAndNeverLowered(t *testing.T) {
	proxy := t.TempDir()
	for _, m := range []string{"example.org/tea", "example.org/pot", "example.org/cup"} {
		for _, v := range []string{"v1.2.0", "v1.9.0", "v1.10.0"} {
			serve(t, proxy, m, v)
		}
	}
	t.Setenv("GOPROXY", "file://"+filepath.ToSlash(proxy))
	t.Setenv("GOSUMDB", "off") // as offline
	t.Setenv("GOMODCACHE", t.TempDir())
	t.Setenv("GOFLAGS", "-modcacherw")
	uses := "\n\nimport (\n\t_ \"example.org/cup\"\n\t_ \"example.org/pot\"\n\t_ \"example.org/tea\"\n)\n"
	begin := changed(first, map[string]string{
		"go.mod": "module example.com/turnkey\n\ngo 1.24.0\n\nrequire (\n\texample.org/cup v1.2.0\n\texample.org/pot v1.2.0\n\texample.org/tea v1.2.0\n)\n", "handlers/home.go": "package handlers" + uses})
	starter := pt.New(t, begin)
	pt.Commit(t, starter, "first")
	dir := cloned(t, starter)
	edit(t, dir, map[string]string{"go.mod": "module " + own +
		"\n\ngo 1.24.0\n\nrequire (\n\texample.org/cup v1.2.0\n\texample.org/pot v1.9.0\n\texample.org/tea v1.10.0\n)\n"})
	pt.Commit(t, dir, "work")
	edit(t, starter, map[string]string{"middleware/csp.go": "package middleware // second\n",
		"go.mod": "module example.com/turnkey\n\ngo 1.25.0\n\nrequire example.org/cup v1.9.0\n\nrequire (\n\texample.org/pot v1.10.0\n\texample.org/tea v1.9.0\n)\n"})
	tidy := exec.Command("go", "mod", "tidy")
	tidy.Dir = starter
	if out, err := tidy.CombinedOutput(); err != nil {
		t.Fatalf("go mod tidy: %v\n%s", err, out)
	}
	pt.Commit(t, starter, "second")
	out := upgrade(t, dir, starter)
	want := "module " + own +
		"\n\ngo 1.25.0\n\nrequire (\n\texample.org/cup v1.9.0\n\texample.org/pot v1.10.0\n\texample.org/tea v1.10.0\n)\n"
	if got := pt.Snapshot(t, dir)["go.mod"]; got != want || !strings.Contains(out,
		"  go.mod                       changed: git diff go.mod\n") {
		t.Errorf("go.mod is\n%s\nand it says\n%s", got, out)
	}
	pt.Commit(t, dir, "upgrade")
	if out := upgrade(t, dir, starter); !strings.HasPrefix(out, "nothing to do: ") {
		t.Errorf("a second run says\n%s", out)
	}
}

// Helpers

// beginning has a starter with its first version, and a project of it. Tests get copies, because git takes long to make
// them.
var beginning struct {
	once             sync.Once
	at               string // where the starter was
	starter, project map[string]string
}

// begin returns a starter with its first version, and a project of it.
func begin(t *testing.T) (starter, dir string) {
	t.Helper()
	starter = newStarter(t)
	return starter, newProject(t, starter)
}

func newStarter(t *testing.T) string {
	t.Helper()
	beginning.once.Do(func() {
		beginning.at = pt.New(t, first)
		pt.Commit(t, beginning.at, "first")
		project := cloned(t, beginning.at)
		for _, dir := range []string{beginning.at, project} {
			pt.Git(t, dir, "repack", "-adq") // a few files in place of many
		}
		beginning.starter, beginning.project = pt.Read(t, beginning.at, ""), pt.Read(t, project, "")
	})
	return pt.New(t, beginning.starter)
}

// newProject is cloned from a starter of newStarter.
func newProject(t *testing.T, starter string) string {
	t.Helper()
	files := maps.Clone(beginning.project)
	files[".git/config"] = strings.ReplaceAll(files[".git/config"], beginning.at, starter)
	return pt.New(t, files)
}

// cloned clones the starter, gives the clone a module path of its own, and adds the owner's work.
func cloned(t *testing.T, starter string) string {
	t.Helper()
	dir := pt.New(t, nil)
	pt.Git(t, dir, "clone", "-q", "--template=", starter, ".")
	for name, text := range pt.Snapshot(t, dir) {
		switch {
		case name == "go.mod":
			text = string(project.WithPath([]byte(text), project.Template, own))
		case strings.HasSuffix(name, ".go"):
			text = string(project.WithImports([]byte(text), project.Template, own))
		}
		pt.Write(t, dir, name, text)
	}
	edit(t, dir, work)
	pt.Commit(t, dir, "rename and work")
	return dir
}

// publish commits a version of the starter. It removes files whose text is "".
func publish(t *testing.T, starter string, files map[string]string) {
	t.Helper()
	for name := range pt.Snapshot(t, starter) {
		if _, stays := files[name]; !stays {
			edit(t, starter, map[string]string{name: ""})
		}
	}
	edit(t, starter, files)
	pt.Commit(t, starter, "newer")
}

// edit writes files, and removes those whose text is "".
func edit(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		if text != "" {
			pt.Write(t, dir, name, text)
			continue
		}
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
		os.Remove(filepath.Dir(file)) // if that was the last file in it, as git does
	}
}

// changed returns a copy of files with changes. It removes files whose text is "".
func changed(files, changes map[string]string) map[string]string {
	out := maps.Clone(files)
	maps.Copy(out, changes)
	maps.DeleteFunc(out, func(_, text string) bool { return text == "" })
	return out
}

// texts returns the text of every file that is no link.
func texts(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(file string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || strings.Contains(file, ".git"+string(os.PathSeparator)) {
			return err
		}
		text, err := os.ReadFile(file)
		out[file] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// undone undoes an upgrade as it says itself, and checks that nothing of it is left.
func undone(t *testing.T, dir string, before map[string]string) {
	t.Helper()
	pt.Git(t, dir, "stash", "-qu")
	pt.Same(t, before, pt.Snapshot(t, dir))
}

func try(dir string, in io.Reader, args ...string) (string, error) {
	var out bytes.Buffer
	err := run(dir, args, in, &out, io.Discard)
	return out.String(), err
}

// upgrade runs the command without a terminal. It must succeed.
func upgrade(t *testing.T, dir string, args ...string) string {
	t.Helper()
	out, err := try(dir, nil, args...)
	if err != nil {
		t.Fatalf("upgrade %q: %v\n%s", args, err, out)
	}
	return out
}

// serve puts a version of a module into a proxy.
func serve(t *testing.T, proxy, mod, version string) {
	t.Helper()
	text := "module " + mod + "\n\ngo 1.24.0\n"
	var archive bytes.Buffer
	z := zip.NewWriter(&archive)
	for name, text := range map[string]string{"go.mod": text, "x.go": "package x\n"} {
		w, err := z.Create(mod + "@" + version + "/" + name)
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(w, text)
	}
	z.Close()
	at := mod + "/@v/" + version
	pt.Write(t, proxy, at+".info", `{"Version":"`+version+`"}`)
	pt.Write(t, proxy, at+".mod", text)
	pt.Write(t, proxy, at+".zip", archive.String())
	list, _ := os.ReadFile(filepath.Join(proxy, filepath.FromSlash(mod+"/@v/list")))
	pt.Write(t, proxy, mod+"/@v/list", string(list)+version+"\n")
}
