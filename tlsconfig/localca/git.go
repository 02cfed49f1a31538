package localca

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// inGit reports whether git tracks a file, and whether its index has the file's present content.
func inGit(file string) (tracked, same bool) {
	path, err := filepath.Abs(file)
	if err != nil || !insideRepository(filepath.Dir(path)) {
		return false, false
	}
	git := func(args ...string) bool {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		args = append([]string{"--no-optional-locks", "-c", "core.fsmonitor=false", "-C", filepath.Dir(path)}, args...)
		return exec.CommandContext(ctx, "git", append(args, "--", filepath.Base(path))...).Run() == nil
	}
	tracked = git("ls-files", "--error-unmatch")
	return tracked, tracked && git("diff", "--quiet")
}

// insideRepository reports whether a directory is in a git repository. It saves the start of git where it is not.
func insideRepository(dir string) bool {
	for {
		if _, err := os.Lstat(filepath.Join(dir, ".git")); err == nil {
			return true
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return false
		}
		dir = parent
	}
}
