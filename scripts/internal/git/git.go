// Package git runs git in a project's folder and lists the project's files.
package git

import (
	"bytes"
	"errors"
	"io/fs"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// Tree is a project's folder.
type Tree string

// Run runs git and returns what it prints. Its error is git's own first line.
func (t Tree) Run(args ...string) (string, error) { return t.With("", args...) }

// With runs git with text on its standard input.
func (t Tree) With(stdin string, args ...string) (string, error) {
	cmd := exec.Command("git", args...)
	cmd.Dir = string(t)
	cmd.Stdin = strings.NewReader(stdin)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if errors.Is(err, exec.ErrNotFound) {
		return "", errors.New("git is not installed")
	}
	if err != nil {
		if first, _, _ := strings.Cut(strings.TrimSpace(stderr.String()), "\n"); first != "" {
			first, _, _ = strings.Cut(strings.TrimPrefix(first, "fatal: "), " (or any of the parent")
			err = errors.New(first)
		}
		return "", err
	}
	return string(out), nil
}

// List runs a command of git that lists files.
func (t Tree) List(command string, args ...string) ([]string, error) {
	out, err := t.Run(append([]string{command, "-z"}, args...)...)
	return strings.FieldsFunc(out, func(r rune) bool { return r == 0 }), err
}

// Files returns the project's files, with slashes and sorted: those that git knows or would add. The error is the
// reason why git cannot restore them. Then the files come from the folder itself.
func (t Tree) Files() (files []string, reason error) {
	files, reason = t.List("ls-files", "--cached", "--others", "--exclude-standard")
	if reason == nil && !slices.Contains(files, "go.mod") {
		reason = errors.New("the repository around this folder ignores it")
	}
	if reason != nil {
		files = t.walk()
	}
	files = slices.DeleteFunc(files, func(file string) bool {
		return slices.ContainsFunc(strings.Split(file, "/"), skipped)
	})
	slices.Sort(files)
	return slices.Compact(files), reason // git lists a file in conflict several times
}

// Path returns where a file is.
func (t Tree) Path(file string) string { return filepath.Join(string(t), filepath.FromSlash(file)) }

// Before is the folder for copies of what a rename replaces where git cannot restore it. Go and git ignore it: its name
// begins with a dot, and .gitignore has it.
const Before = ".before-rename"

// skipped reports whether files in a folder of that name are not the project's source.
func skipped(name string) bool {
	return slices.Contains([]string{".git", "node_modules", "vendor", Before}, name)
}

func (t Tree) walk() (files []string) {
	filepath.WalkDir(string(t), func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return nil // what cannot be listed cannot be changed
		case d.IsDir() && skipped(d.Name()):
			return fs.SkipDir
		case d.IsDir():
			return nil
		}
		if rel, err := filepath.Rel(string(t), name); err == nil {
			files = append(files, filepath.ToSlash(rel))
		}
		return nil
	})
	return files
}
