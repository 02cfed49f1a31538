package main

import (
	"fmt"
	"os"
	"path"
	"slices"
	"strings"
)

// refuseUnsaved refuses to change files whose content git does not hold, though the tree is clean: ignored files where
// new ones are to be, and files that git was told not to look at.
func (p *plan) refuseUnsaved() error {
	listed, err := p.tree.List("ls-files", "-v") // tag SP path
	if err != nil {
		return err
	}
	var unseen, ignored []string
	for _, line := range listed {
		tag, file, _ := strings.Cut(line, " ")
		if (tag == "S" || tag != strings.ToUpper(tag)) && slices.Contains(p.changes, file) {
			unseen = append(unseen, file)
		}
	}
	for _, file := range p.changes {
		if at := p.occupant(file); at != "" && !slices.Contains(ignored, at) {
			ignored = append(ignored, at)
		}
	}
	switch {
	case len(unseen) > 0:
		return fmt.Errorf("there are files of closed rooms that git does not look at: %s\n"+
			"  → git update-index --no-assume-unchanged --no-skip-worktree FILE, and commit", strings.Join(unseen, ", "))
	case len(ignored) > 0:
		return fmt.Errorf("where the starter has new files, you have some that git ignores: %s\n  → move yours first",
			strings.Join(ignored, ", "))
	}
	return nil
}

// occupant returns what is where a new file or one of its folders is to be, and is not of the closed rooms, or "".
func (p *plan) occupant(file string) string {
	if p.mine[file] != nil {
		return ""
	}
	for at := file; at != "."; at = path.Dir(at) {
		info, err := os.Lstat(p.tree.Path(at))
		if err == nil && !info.IsDir() && p.mine[at] == nil {
			return at
		}
	}
	return ""
}

// addIgnored puts new files that the owner's .gitignore matches into the index. Otherwise the owner's commit would lack
// them, and an undo would leave them.
func (p *plan) addIgnored(written []string) error {
	args := []string{"--others", "--ignored", "--exclude-standard", "--"}
	for _, file := range written {
		if p.mine[file] == nil {
			args = append(args, file)
		}
	}
	if len(args) == 4 { // no new files: git would list all
		return nil
	}
	ignored, err := p.tree.List("ls-files", args...)
	if err != nil || len(ignored) == 0 {
		return err
	}
	_, err = p.tree.Run(append([]string{"add", "-f", "--"}, ignored...)...)
	return err
}
