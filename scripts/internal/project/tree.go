package project

import (
	"bytes"
	"crypto/sha1"
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

// Tree is a project's folder. Files in it have slashes, and paths that begin at the folder.
type Tree string

// Git runs git in the folder and returns what it prints. Its error is git's own first line.
func (t Tree) Git(args ...string) (string, error) { return t.GitWith("", args...) }

// GitWith runs git with text on its standard input.
func (t Tree) GitWith(stdin string, args ...string) (string, error) {
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
	out, err := t.Git(append([]string{command, "-z"}, args...)...)
	return strings.FieldsFunc(out, func(r rune) bool { return r == 0 }), err
}

// BlobID returns the name that git gives to a content.
func BlobID(text []byte) string {
	text = LF(text)
	return fmt.Sprintf("%x", sha1.Sum(fmt.Appendf(nil, "blob %d\x00%s", len(text), text)))
}

// Files returns the project's files, sorted: those that git knows or would add. The error is the reason why git cannot
// restore them. Then the files come from the folder itself.
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

// Before is the folder for copies of what a rename replaces where git cannot restore it. Go and git ignore it: its name
// begins with a dot, and .gitignore has it.
const Before = ".before-rename"

// skipped reports whether files in a folder of that name are not the project's source.
func skipped(name string) bool {
	return slices.Contains([]string{".git", "node_modules", "vendor", Before}, name)
}

func (t Tree) walk() (files []string) {
	fs.WalkDir(os.DirFS(string(t)), ".", func(file string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return nil // what cannot be listed cannot be changed
		case d.IsDir() && skipped(d.Name()):
			return fs.SkipDir
		case !d.IsDir():
			files = append(files, file)
		}
		return nil
	})
	return files
}

// Path returns where a file is.
func (t Tree) Path(file string) string { return filepath.Join(string(t), filepath.FromSlash(file)) }

// Exists reports whether there is a file, folder or link of that name.
func (t Tree) Exists(file string) bool {
	_, err := os.Lstat(t.Path(file))
	return err == nil
}

// Write writes a file, and makes its folders. One that is there keeps its mode.
func (t Tree) Write(file string, text []byte) error {
	if err := os.MkdirAll(filepath.Dir(t.Path(file)), 0o755); err != nil {
		return err
	}
	return os.WriteFile(t.Path(file), text, 0o644)
}

// Remove removes a file or a folder if it is there, and the folders around it while they are empty.
func (t Tree) Remove(file string) error {
	if err := os.RemoveAll(t.Path(file)); err != nil {
		return err
	}
	for dir := path.Dir(file); dir != "." && os.Remove(t.Path(dir)) == nil; {
		dir = path.Dir(dir)
	}
	return nil
}
