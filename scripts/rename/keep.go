package main

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"example.com/turnkey/scripts/internal/git"
)

// prune removes a folder and those around it while they are empty.
func (p *plan) prune(dir string) {
	for dir != "." && os.Remove(p.tree.Path(dir)) == nil {
		dir = path.Dir(dir)
	}
}

// keep copies what a change takes away, where git does not have it. Imports need no copy: another rename changes them
// back.
func (p *plan) keep(c change) error {
	copied := p.tree.Path(git.Before + "/" + c.file)
	if _, err := os.Lstat(copied); err == nil || p.noGit == nil || !c.gone &&
		(c.what == "" || path.Base(c.file) == "go.mod") {
		return nil
	}
	text, err := os.ReadFile(p.tree.Path(c.file))
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

// refuse reports changes that git could not take back alone: the owner's work in files of the plan that is not
// committed. A repair follows an upgrade, whose files are in git's index and not committed yet.
func (p *plan) refuse(repair bool) error {
	if p.noGit != nil {
		return nil
	}
	questions := [][]string{{"diff", "--name-only", "--relative"}, {"ls-files", "--others", "--exclude-standard"}}
	if !repair {
		questions = append(questions, []string{"diff", "--cached", "--name-only", "--relative"})
	}
	var dirty []string
	for _, q := range questions {
		files, err := p.tree.List(q[0], q[1:]...)
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
