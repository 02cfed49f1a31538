package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os/exec"
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

// skipped are folders that a project makes or is given: never its source.
var skipped = []string{".git", "bin", "certs", "node_modules", "vendor", "artifacts"}

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
	for _, file := range listed {
		if wanted(file) {
			t.files = append(t.files, file)
		}
	}
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

func wanted(file string) bool {
	elements := strings.Split(file, "/")
	folders, name := elements[:len(elements)-1], elements[len(elements)-1]
	if slices.ContainsFunc(folders, func(f string) bool { return slices.Contains(skipped, f) }) {
		return false
	}
	return name == ".env.example" || name != ".env" && !strings.HasPrefix(name, ".env.") // settings are secrets
}

// refuse says why git could not take the plan back alone. A rename wants a commit of its own; a repair follows an
// upgrade, whose files are in git's index and not committed yet.
func (t *tree) refuse(p *plan) error {
	if !t.git || len(p.changes) == 0 {
		return nil
	}
	questions := [][]string{{"diff", "--name-only", "--relative"}, {"ls-files", "--others", "--exclude-standard"}}
	if !p.repair {
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
	if p.repair {
		dirty = slices.DeleteFunc(dirty, func(file string) bool {
			return !slices.ContainsFunc(p.changes, func(c change) bool { return c.file == file })
		})
	}
	if len(dirty) == 0 {
		return nil
	}
	slices.Sort(dirty)
	dirty = slices.Compact(dirty)
	shown := strings.Join(dirty[:min(3, len(dirty))], ", ")
	if more := len(dirty) - 3; more > 0 {
		shown += fmt.Sprintf(" and %d more", more)
	}
	return fmt.Errorf("there are changes that git could not tell from these, as they are not committed: %s\n"+
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
