package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// tree is the project's files, and what git knows of them.
type tree struct {
	dir   string
	files []string // with slashes, relative to dir
	git   bool     // whether git can take back what changes
	note  string   // why not
}

// before is where files go that git cannot give back. Go and git-ignored folders begin with a dot.
const before = ".before-rename"

// skipped are folders whose files are not the project's source.
var skipped = []string{".git", "node_modules", "vendor", before}

func openTree(dir string) (*tree, error) {
	t := &tree{dir: dir}
	listed, err := t.ask("ls-files", "--cached", "--others", "--exclude-standard")
	switch {
	case err != nil:
		t.note = "git cannot take this back: " + err.Error()
	case !slices.Contains(listed, "go.mod"):
		t.note = "git cannot take this back: the repository around this folder ignores it"
	default:
		t.git = true
	}
	if !t.git {
		if listed, err = walk(dir); err != nil {
			return nil, fmt.Errorf("listing the files: %w", err)
		}
	}
	t.files = slices.DeleteFunc(listed, func(file string) bool {
		return slices.ContainsFunc(strings.Split(file, "/"), func(e string) bool { return slices.Contains(skipped, e) })
	})
	slices.Sort(t.files)
	t.files = slices.Compact(t.files) // git lists a file in conflict several times
	return t, nil
}

func walk(dir string) (files []string, err error) {
	err = filepath.WalkDir(dir, func(file string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && slices.Contains(skipped, d.Name()):
			return fs.SkipDir
		case d.IsDir():
			return nil
		}
		rel, err := filepath.Rel(dir, file)
		files = append(files, filepath.ToSlash(rel))
		return err
	})
	return files, err
}

// path returns where a file is.
func (t *tree) path(file string) string { return filepath.Join(t.dir, filepath.FromSlash(file)) }

// prune removes a folder and those around it while they are empty.
func (t *tree) prune(dir string) {
	for dir != "." && os.Remove(t.path(dir)) == nil {
		dir = path.Dir(dir)
	}
}

// keep copies what a change takes away, where git does not have it. Imports need no copy: another rename changes them back.
func (t *tree) keep(c change) error {
	copied := t.path(before + "/" + c.file)
	if _, err := os.Lstat(copied); err == nil || t.git || !c.gone && (c.what == "" || path.Base(c.file) == "go.mod") {
		return nil
	}
	text, err := os.ReadFile(t.path(c.file))
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(copied), 0o755); err != nil {
		return err
	}
	return os.WriteFile(copied, text, 0o644)
}

// refuse reports changes that git could not take back alone: the owner's work in files of the plan that is not committed.
// A repair follows an upgrade, whose files are in git's index and not committed yet.
func (t *tree) refuse(p *plan, repair bool) error {
	if !t.git {
		return nil
	}
	questions := [][]string{{"diff", "--name-only", "--relative"}, {"ls-files", "--others", "--exclude-standard"}}
	if !repair {
		questions = append(questions, []string{"diff", "--cached", "--name-only", "--relative"})
	}
	var dirty []string
	for _, q := range questions {
		files, err := t.ask(q[0], q[1:]...)
		if err != nil {
			return fmt.Errorf("asking git what is not committed: %w", err)
		}
		dirty = append(dirty, files...)
	}
	dirty = slices.DeleteFunc(dirty, func(file string) bool {
		return !slices.ContainsFunc(p.changes, func(c change) bool { return c.file == file })
	})
	if len(dirty) == 0 {
		return nil
	}
	slices.Sort(dirty)
	dirty = slices.Compact(dirty)
	shown := strings.Join(dirty[:min(3, len(dirty))], ", ")
	if more := len(dirty) - 3; more > 0 {
		shown += fmt.Sprintf(" and %d more", more)
	}
	return fmt.Errorf("files that this would change have work that is not committed: %s\n"+
		"  → git add -A && git commit, or git stash -u; -force goes ahead without", shown)
}

// ask runs a command of git that lists files.
func (t *tree) ask(command string, args ...string) ([]string, error) {
	cmd := exec.Command("git", append([]string{command, "-z"}, args...)...)
	cmd.Dir = t.dir
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if errors.Is(err, exec.ErrNotFound) {
		return nil, errors.New("it is not installed")
	}
	if err != nil {
		if first, _, _ := strings.Cut(strings.TrimSpace(stderr.String()), "\n"); first != "" {
			first, _, _ = strings.Cut(strings.TrimPrefix(first, "fatal: "), " (or any of the parent")
			err = errors.New(first)
		}
		return nil, err
	}
	return strings.FieldsFunc(string(out), func(r rune) bool { return r == 0 }), nil
}
