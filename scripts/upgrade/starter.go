package main

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"

	"example.com/turnkey/scripts/internal/project"
)

// starter is a version of the starter: a commit, and the closed files that it has.
type starter struct {
	tree   project.Tree
	commit string
	module string
	rooms  project.Rooms
	files  map[string]blob
}

// blob is a file of a commit.
type blob struct{ mode, id string }

// record is the file with the version of a project's last upgrade. It is not closed, so that no upgrade replaces it.
const record = "scripts/.starter"

// fetch gets the newest version from a remote, which is a name or an address.
func fetch(tree project.Tree, remote, branch string) (*starter, error) {
	if _, err := tree.Git("fetch", "-q", "--no-tags", remote, branch); err != nil {
		return nil, fmt.Errorf("fetching %s of %s: %w\n  → name another: go run ./scripts/upgrade REMOTE BRANCH", branch,
			remote, err)
	}
	v, err := open(tree, "FETCH_HEAD")
	if err != nil {
		return nil, fmt.Errorf("%s of %s is no version of the starter that this program knows: %w", branch, remote, err)
	}
	return v, nil
}

// open reads what a commit of the starter has.
func open(tree project.Tree, commit string) (*starter, error) {
	commit, err := tree.Git("rev-parse", "--verify", commit+"^{commit}")
	if err != nil {
		return nil, err
	}
	v := &starter{tree: tree, commit: strings.TrimSpace(commit)}
	text, err := v.show(project.RoomsFile)
	if err != nil {
		return nil, err
	}
	if v.rooms, err = project.ParseRooms(text); err != nil {
		return nil, err
	}
	if text, err = v.show("go.mod"); err != nil {
		return nil, err
	}
	if v.module, err = project.PathIn([]byte(text)); err != nil {
		return nil, err
	}
	v.files, err = listFiles(tree, v.commit, v.rooms.Outer())
	for name, b := range v.files {
		if !strings.HasPrefix(b.mode, "100") {
			return nil, fmt.Errorf("%s is no ordinary file", name)
		}
	}
	return v, err
}

func (v *starter) show(name string) (string, error) { return v.tree.Git("show", v.commit+":"+name) }

// listFiles returns the files that a commit has in folders.
func listFiles(tree project.Tree, commit string, folders []string) (map[string]blob, error) {
	files := map[string]blob{}
	listed, err := tree.List("ls-tree", append([]string{"-r", "--full-tree", commit, "--"}, folders...)...)
	for _, line := range listed { // mode SP type SP id TAB path
		head, name, _ := strings.Cut(line, "\t")
		fields := strings.Fields(head)
		files[name] = blob{mode: fields[0], id: fields[2]}
	}
	return files, err
}

// contents returns the closed files as they are in a project whose module path is own.
func (v *starter) contents(own string) (map[string]file, error) {
	names := slices.Collect(maps.Keys(v.files))
	var ids strings.Builder
	for _, name := range names {
		ids.WriteString(v.files[name].id + "\n")
	}
	out, err := v.tree.GitWith(ids.String(), "cat-file", "--batch")
	if err != nil {
		return nil, err
	}
	contents := map[string]file{}
	for _, name := range names { // id SP type SP size LF content LF
		head, rest, _ := strings.Cut(out, "\n")
		size, err := strconv.Atoi(head[strings.LastIndexByte(head, ' ')+1:])
		if err != nil || size >= len(rest) {
			return nil, errors.New("git does not have " + name + " of that version: " + head)
		}
		contents[name] = file{withImports(name, []byte(rest[:size]), v.module, own), v.files[name].mode == "100755"}
		out = rest[size+1:]
	}
	return contents, nil
}

func withImports(name string, text []byte, old, to string) []byte {
	if path.Ext(name) != ".go" {
		return text
	}
	return project.WithImports(text, old, to)
}

// String names the version for the owner: the beginning of its commit, and its day.
func (v *starter) String() string {
	if out, err := v.tree.Git("log", "-1", "--format=%h (%cs)", v.commit); err == nil {
		return strings.TrimSpace(out)
	}
	return v.commit
}

// taken returns the starter's version that the project has: the recorded one, or the last commit that both histories
// share, or, if they share none, the one that is most like the project's files.
func taken(tree project.Tree, own string, mine map[string]file, next *starter) (*starter, error) {
	if text, err := os.ReadFile(tree.Path(record)); err == nil {
		if v, err := open(tree, strings.TrimSpace(string(text))); err == nil {
			return v, nil
		}
	}
	if commit, err := tree.Git("merge-base", "HEAD", next.commit); err == nil {
		if v, err := open(tree, strings.TrimSpace(commit)); err == nil {
			return v, nil
		}
	}
	commit, err := mostAlike(own, mine, next)
	if err != nil {
		return nil, err
	}
	return open(tree, commit)
}

// mostAlike returns the version, of next and those before it, whose closed files differ in the fewest from mine. If
// several differ in as few, it returns the newest.
func mostAlike(own string, mine map[string]file, next *starter) (string, error) {
	ids := map[string]string{}
	for name, f := range mine {
		ids[name] = project.BlobID(withImports(name, project.LF(f.text), own, next.module))
	}
	rooms := next.rooms.Outer()
	args := []string{"rev-list", "--first-parent", next.commit, "--"}
	for _, room := range rooms {
		args = append(args, ":/"+room)
	}
	commits, err := next.tree.Git(args...)
	best, fewest := next.commit, -1
	for commit := range strings.FieldsSeq(commits) {
		files, err := listFiles(next.tree, commit, rooms)
		if err != nil {
			return "", err
		}
		equal := 0
		for name, b := range files {
			if ids[name] == b.id {
				equal++
			}
		}
		if differ := len(files) + len(ids) - 2*equal; fewest < 0 || differ < fewest {
			best, fewest = commit, differ
		}
	}
	return best, err
}
