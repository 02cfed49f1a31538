package localca

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// inGit says whether git keeps a file, and if so, whether what it keeps is what the file holds now.
func inGit(file string) (kept, same bool) {
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
	kept = git("ls-files", "--error-unmatch")
	return kept, kept && git("diff", "--quiet")
}

// insideRepository spares everybody else the start of a process.
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
