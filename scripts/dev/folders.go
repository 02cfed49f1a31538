package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// ignored returns the folders that git ignores, except in web, where a build of a front end is ignored and served. They
// hold data and outputs, and may have more folders than the system watches.
func ignored(root string) map[string]bool {
	cmd := exec.Command("git", "ls-files", "-z", "--others", "--ignored", "--exclude-standard", "--directory")
	cmd.Dir = root
	out, _ := cmd.Output() // without git, none
	dirs := map[string]bool{}
	for name := range strings.SplitSeq(string(out), "\x00") {
		if dir, ok := strings.CutSuffix(name, "/"); ok && !strings.HasPrefix(dir, "web/") {
			dirs[dir] = true
		}
	}
	return dirs
}

// add watches a directory, whatever its name, and those below it that are not skipped. It returns the files that matter
// there.
func (w *watcher) add(dir string) (files []string) {
	filepath.WalkDir(filepath.Join(w.root, dir), func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil // it was removed again
		}
		name, err := filepath.Rel(w.root, path)
		if err != nil {
			return err
		}
		if !d.IsDir() {
			if w.kindOf(name) != other {
				files = append(files, filepath.ToSlash(name))
			}
			return nil
		}
		if name != filepath.Clean(dir) && w.skips(name) {
			return filepath.SkipDir
		}
		if err := w.Add(path); err != nil {
			fmt.Fprintf(os.Stderr, "make dev: edits in %s do not show: %v\n", path, explain(err))
		}
		return nil
	})
	return files
}

// skips reports whether a directory is no part of the site: it is hidden, build output, ignored by git, or another
// module. The watcher follows what a package embeds in any directory.
func (w *watcher) skips(dir string) bool {
	if dir == "." {
		return false
	}
	if base := filepath.Base(dir); strings.HasPrefix(base, ".") || base == "node_modules" || dir == "bin" ||
		dir == "certs" || dir == "data" || w.ignored[filepath.ToSlash(dir)] {
		return true
	}
	if filepath.Dir(dir) == "web" {
		if _, err := os.Stat(filepath.Join(w.root, dir, "package.json")); err == nil {
			return true // Vite watches it
		}
	}
	_, err := os.Stat(filepath.Join(w.root, dir, "go.mod"))
	return err == nil
}

// explain names the limit of Linux that was reached. The system's own message, about full disks or open files, is
// misleading: see inotify(7).
func explain(err error) error {
	limit := ""
	switch {
	case errors.Is(err, syscall.ENOSPC):
		limit = "fs.inotify.max_user_watches=524288"
	case errors.Is(err, syscall.EMFILE):
		limit = "fs.inotify.max_user_instances=512"
	default:
		return err
	}
	return fmt.Errorf("%w: the system's limit of watched files is reached\n  → end other programs that watch files, or "+
		"allow more: sudo sysctl %s", err, limit)
}
