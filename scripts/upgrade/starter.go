package main

import (
	"crypto/sha1"
	"errors"
	"fmt"
	"os"
	"path"
	"strconv"
	"strings"

	"example.com/turnkey/scripts/internal/git"
	"example.com/turnkey/scripts/internal/module"
	"example.com/turnkey/scripts/internal/rooms"
)

// starter is a version of the starter: a commit, and the closed files that it has.
type starter struct {
	tree   git.Tree
	commit string
	module string
	list   rooms.List
	files  map[string]blob
}

// blob is a file of a commit.
type blob struct{ mode, id string }

// record is the file that says which version a project has taken last. It is in no room, so that no upgrade replaces
// it.
const record = "scripts/.starter"

// fetch gets the newest version from a remote, which is a name or an address.
func fetch(tree git.Tree, remote, branch string) (*starter, error) {
	if _, err := tree.Run("fetch", "-q", "--no-tags", remote, branch); err != nil {
		return nil, fmt.Errorf("fetching %s of %s: %w\n  → name another: go run ./scripts/upgrade REMOTE BRANCH", branch,
			remote, err)
	}
	commit, err := tree.Run("rev-parse", "FETCH_HEAD")
	if err != nil {
		return nil, err
	}
	v, err := open(tree, strings.TrimSpace(commit))
	if err != nil {
		return nil, fmt.Errorf("%s of %s is no version of the starter that this program knows: %w", branch, remote, err)
	}
	return v, nil
}

// open reads what a commit of the starter has.
func open(tree git.Tree, commit string) (*starter, error) {
	if _, err := tree.Run("rev-parse", "--verify", commit+"^{commit}"); err != nil {
		return nil, err
	}
	v := &starter{tree: tree, commit: commit, files: map[string]blob{}}
	text, err := tree.Run("show", commit+":"+rooms.File)
	if err != nil {
		return nil, err
	}
	if v.list, err = rooms.Parse(text); err != nil {
		return nil, err
	}
	if text, err = tree.Run("show", commit+":go.mod"); err != nil {
		return nil, err
	}
	if v.module, err = module.PathIn([]byte(text)); err != nil {
		return nil, err
	}
	listed, err := tree.List("ls-tree", append([]string{"-r", "--full-tree", commit, "--"}, v.list.Outer()...)...)
	for _, line := range listed { // mode SP type SP id TAB path
		head, file, _ := strings.Cut(line, "\t")
		fields := strings.Fields(head)
		if !strings.HasPrefix(fields[0], "100") {
			return nil, fmt.Errorf("%s is no ordinary file", file)
		}
		v.files[file] = blob{mode: fields[0], id: fields[2]}
	}
	return v, err
}

// texts returns the closed files as they are in a project whose module path is own.
func (v *starter) texts(own string) (map[string][]byte, error) {
	var files, ids []string
	for file, b := range v.files {
		files, ids = append(files, file), append(ids, b.id)
	}
	out, err := v.tree.With(strings.Join(ids, "\n")+"\n", "cat-file", "--batch")
	if err != nil {
		return nil, err
	}
	texts := map[string][]byte{}
	for _, file := range files { // id SP type SP size LF content LF
		head, rest, _ := strings.Cut(out, "\n")
		size, err := strconv.Atoi(head[strings.LastIndexByte(head, ' ')+1:])
		if err != nil || size >= len(rest) {
			return nil, errors.New("git does not have " + file + " of that version: " + head)
		}
		texts[file] = withImports(file, []byte(rest[:size]), v.module, own)
		out = rest[size+1:]
	}
	return texts, nil
}

func withImports(file string, text []byte, old, to string) []byte {
	if path.Ext(file) != ".go" {
		return text
	}
	return module.WithImports(text, old, to)
}

// String names the version for the owner: the beginning of its commit, and its day.
func (v *starter) String() string {
	if out, err := v.tree.Run("log", "-1", "--format=%h (%cs)", v.commit); err == nil {
		return strings.TrimSpace(out)
	}
	return v.commit
}

// taken returns the version that the project took last: the recorded one, or the last that both histories share, or,
// where the project's history began without the starter's, the one that is most like its files.
func taken(tree git.Tree, own string, mine map[string][]byte, next *starter) (*starter, error) {
	if text, err := os.ReadFile(tree.Path(record)); err == nil {
		if v, err := open(tree, strings.TrimSpace(string(text))); err == nil {
			return v, nil
		}
	}
	if commit, err := tree.Run("merge-base", "HEAD", next.commit); err == nil {
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

// mostAlike walks from next to older versions, and returns the one whose closed files differ in the fewest from mine.
func mostAlike(own string, mine map[string][]byte, next *starter) (string, error) {
	ids, equal := map[string]string{}, 0
	for file, text := range mine {
		text = withImports(file, unix(text), own, next.module)
		ids[file] = fmt.Sprintf("%x", sha1.Sum(fmt.Appendf(nil, "blob %d\x00%s", len(text), text)))
	}
	size := len(next.files)
	for file, b := range next.files {
		if ids[file] == b.id {
			equal++
		}
	}
	args := []string{"log", "--first-parent", "-m", "--raw", "--no-abbrev", "--no-renames", "--format=%H", next.commit,
		"--"}
	for _, room := range next.list.Outer() {
		args = append(args, ":/"+room)
	}
	log, err := next.tree.Run(args...)
	best, most := next.commit, 2*equal-size
	for line := range strings.Lines(log) {
		line = strings.TrimSuffix(line, "\n")
		before, file, changed := strings.Cut(line, "\t")
		switch fields := strings.Fields(before); {
		case line == "":
		case !changed: // a commit, whose files are those that are counted now
			if 2*equal-size > most {
				best, most = line, 2*equal-size
			}
		default: // :mode mode id id status, from the commit before to this one
			equal += btoi(ids[file] == fields[2]) - btoi(ids[file] == fields[3])
			size += btoi(fields[4] == "D") - btoi(fields[4] == "A")
		}
	}
	return best, err
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}
