package main

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"slices"
	"strings"

	"example.com/turnkey/scripts/internal/project"
)

type plan struct {
	tree       project.Tree
	old        project.Rooms
	base, next *starter
	opened     []string        // rooms that the newer version has and does not close
	mine       map[string]file // closed files of the project, by the old list and the new
	theirs     map[string]file // those of the newer version
	changes    []string
	edits      []string          // files of changes that the owner changed, added or removed
	kept       map[string]string // rooms that the newer version lacks and that stay, with the reason
}

// file is the content of a file, and whether it may run.
type file struct {
	text []byte
	runs bool
}

func newPlan(tree project.Tree, own string, old project.Rooms, next *starter) (*plan, error) {
	p := &plan{tree: tree, old: old, next: next, mine: map[string]file{}, kept: map[string]string{}}
	if err := p.read(); err != nil {
		return nil, err
	}
	var err error
	if p.opened, err = openedRooms(tree, old, next); err != nil {
		return nil, err
	}
	if p.theirs, err = next.contents(own); err != nil {
		return nil, err
	}
	if p.base, err = taken(tree, own, p.mine, next); err != nil {
		return nil, err
	}
	was, err := p.base.contents(own)
	if err != nil {
		return nil, err
	}
	p.compare(was)
	return p, p.refuseUnsaved()
}

// read reads the closed files of the project. It returns an error for files of the owner at the path of a new room, and
// for anything but ordinary files: a write to a link would change a file that git does not know.
func (p *plan) read() error {
	files, err := p.tree.Files()
	if err != nil {
		return err
	}
	staged, err := p.tree.List("ls-files", "--stage") // mode SP id SP stage TAB path
	if err != nil {
		return err
	}
	runs := map[string]bool{} // as git has it: a file system may not know
	for _, line := range staged {
		mode, name, _ := strings.Cut(line, "\t")
		runs[name] = strings.HasPrefix(mode, "100755 ")
	}
	var taking, odd []string
	for _, name := range files {
		if !p.old.Has(name) {
			if p.next.rooms.Has(name) {
				taking = append(taking, name)
			}
			continue
		}
		if info, err := os.Lstat(p.tree.Path(name)); err == nil && !info.Mode().IsRegular() {
			odd = append(odd, name)
			continue
		}
		text, err := os.ReadFile(p.tree.Path(name))
		if err != nil {
			return err
		}
		p.mine[name] = file{text, runs[name]}
	}
	return errors.Join(
		refusal(taking, "the starter has a new folder where you have files: %s\n  → move yours first"),
		refusal(odd, "in a closed folder there is a link or a submodule, and no ordinary file: %s\n"+
			"  → put a file or folder in its place, and commit"))
}

// refusal returns an error about files, if there are any.
func refusal(files []string, format string) error {
	if len(files) == 0 {
		return nil
	}
	return fmt.Errorf(format, strings.Join(files, ", "))
}

// openedRooms returns the rooms that the newer version has files of and does not close: they become the owner's.
func openedRooms(tree project.Tree, old project.Rooms, next *starter) (opened []string, err error) {
	files, err := listFiles(tree, next.commit, old.Outer())
	for _, name := range slices.Sorted(maps.Keys(files)) {
		room, closed := old.Of(name)
		if closed && !next.rooms.Has(name) && !slices.Contains(opened, room.Path) {
			opened = append(opened, room.Path)
		}
	}
	return opened, err
}

// compare fills changes, edits and kept. was are the files of the last upgrade.
func (p *plan) compare(was map[string]file) {
	edited := func(name string) bool { return !same(p.mine, was, name) }
	for _, name := range slices.Sorted(maps.Keys(p.mine)) {
		room, _ := p.old.Of(name)
		switch {
		case p.next.rooms.Has(name) || slices.Contains(p.opened, room.Path) || !edited(name):
		case p.base.rooms.Has(name):
			p.kept[room.Path] = "as you changed it: the starter removed it. Remove it when no package imports it"
		default:
			p.kept[room.Path] = "as it is yours: the starter never had it, and its newer list does not close it"
		}
	}
	all := maps.Clone(p.theirs)
	maps.Copy(all, p.mine)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		room, _ := p.old.Of(name)
		stays := p.kept[room.Path] != "" || slices.Contains(p.opened, room.Path)
		if same(p.mine, p.theirs, name) || stays && !p.next.rooms.Has(name) {
			continue
		}
		p.changes = append(p.changes, name)
		if edited(name) {
			p.edits = append(p.edits, name)
		}
	}
}

// same reports whether two sets of files agree in one file. git may end lines in two ways.
func same(a, b map[string]file, name string) bool {
	x, inA := a[name]
	y, inB := b[name]
	return inA == inB && x.runs == y.runs && bytes.Equal(project.LF(x.text), project.LF(y.text))
}

// refuseUnsaved returns an error for files whose content git does not have although the tree is clean: ignored files at
// the path of new ones, and files that git was told to ignore changes of.
func (p *plan) refuseUnsaved() error {
	listed, err := p.tree.List("ls-files", "-v") // tag SP path
	if err != nil {
		return err
	}
	var unseen, ignored []string
	for _, line := range listed {
		tag, name, _ := strings.Cut(line, " ")
		if (tag == "S" || tag != strings.ToUpper(tag)) && slices.Contains(p.changes, name) {
			unseen = append(unseen, name)
		}
	}
	for _, name := range p.changes {
		if at := p.occupant(name); at != "" && !slices.Contains(ignored, at) {
			ignored = append(ignored, at)
		}
	}
	return errors.Join(
		refusal(unseen, "there are files of closed folders that git does not look at: %s\n"+
			"  → git update-index --no-assume-unchanged --no-skip-worktree FILE, and commit"),
		refusal(ignored, "where the starter has new files, you have some that git ignores: %s\n  → move yours first"))
}

// occupant returns what is at the path of a new file or of one of its folders, and is not closed, or "".
func (p *plan) occupant(name string) string {
	if _, is := p.mine[name]; is {
		return ""
	}
	for at := name; at != "."; at = path.Dir(at) {
		info, err := os.Lstat(p.tree.Path(at))
		if _, is := p.mine[at]; err == nil && !info.IsDir() && !is {
			return at
		}
	}
	return ""
}

// apply removes files first, since a file may become a folder and a folder a file.
func (p *plan) apply() error {
	for _, name := range p.changes {
		if _, stays := p.theirs[name]; stays {
			continue
		}
		if err := p.tree.Remove(name); err != nil {
			return err
		}
	}
	var added []string
	for _, name := range p.changes {
		theirs, stays := p.theirs[name]
		if !stays {
			continue
		}
		if err := p.tree.Write(name, theirs.text); err != nil {
			return err
		}
		mine, there := p.mine[name]
		if !there {
			added = append(added, name)
		}
		if mine.runs != theirs.runs {
			if err := p.setMode(name, theirs.runs); err != nil {
				return err
			}
		}
	}
	return p.addIgnored(added)
}

// setMode sets whether a file is executable, in git too, since some file systems have no such mode.
func (p *plan) setMode(name string, runs bool) error {
	mode, flag := os.FileMode(0o644), "--chmod=-x"
	if runs {
		mode, flag = 0o755, "--chmod=+x"
	}
	if err := os.Chmod(p.tree.Path(name), mode); err != nil {
		return err
	}
	_, err := p.tree.Git("add", "-f", flag, "--", name)
	return err
}

// addIgnored puts new files that the owner's .gitignore matches into the index. Otherwise the owner's commit would lack
// them, and an undo would leave them.
func (p *plan) addIgnored(added []string) error {
	if len(added) == 0 { // git would list all
		return nil
	}
	ignored, err := p.tree.List("ls-files", append([]string{"--others", "--ignored", "--exclude-standard", "--"},
		added...)...)
	if err != nil || len(ignored) == 0 {
		return err
	}
	_, err = p.tree.Git(append([]string{"add", "-f", "--"}, ignored...)...)
	return err
}
