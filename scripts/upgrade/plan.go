package main

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"example.com/turnkey/scripts/internal/git"
	"example.com/turnkey/scripts/internal/rooms"
)

// plan is what an upgrade changes.
type plan struct {
	tree       git.Tree
	old        rooms.List
	base, next *starter
	opened     []string          // rooms that the newer version has and does not close
	mine       map[string][]byte // closed files of the project, by the old list and the new
	theirs     map[string][]byte // those of the newer version
	changes    []string
	edits      []string // files of changes that the owner changed, added or removed
	kept       []string // rooms that the newer version lacks, with the owner's changes
}

func newPlan(tree git.Tree, own string, old rooms.List, next *starter) (*plan, error) {
	p := &plan{tree: tree, old: old, next: next, mine: map[string][]byte{}}
	files, err := tree.Files()
	if err != nil {
		return nil, err
	}
	if err := p.read(files); err != nil {
		return nil, err
	}
	if p.opened, err = openedRooms(tree, old, next); err != nil {
		return nil, err
	}
	if p.theirs, err = next.texts(own); err != nil {
		return nil, err
	}
	if p.base, err = taken(tree, own, p.mine, next); err != nil {
		return nil, err
	}
	was, err := p.base.texts(own)
	if err != nil {
		return nil, err
	}
	p.compare(was)
	return p, p.refuseUnsaved()
}

// read reads the closed files of the project. It refuses the owner's files where a new room is to be, and what is no
// ordinary file: a write to a link changes a file that git does not know.
func (p *plan) read(files []string) error {
	var taking, odd []string
	for _, file := range files {
		if !p.old.Closed(file) {
			if p.next.list.Closed(file) {
				taking = append(taking, file)
			}
			continue
		}
		info, err := os.Lstat(p.tree.Path(file))
		if err == nil && !info.Mode().IsRegular() {
			odd = append(odd, file)
			continue
		}
		if p.mine[file], err = os.ReadFile(p.tree.Path(file)); err != nil {
			return err
		}
	}
	switch {
	case len(taking) > 0:
		return fmt.Errorf("a new room of the starter is to be where you have files: %s\n  → move yours first",
			strings.Join(taking, ", "))
	case len(odd) > 0:
		return fmt.Errorf("in a closed room there is a link or a submodule, and no ordinary file: %s\n"+
			"  → put a file or folder in its place, and commit", strings.Join(odd, ", "))
	}
	return nil
}

// openedRooms returns the rooms that the newer version has files of and does not close: they become the owner's.
func openedRooms(tree git.Tree, old rooms.List, next *starter) (opened []string, err error) {
	args := append([]string{"-r", "--name-only", "--full-tree", next.commit, "--"}, old.Outer()...)
	files, err := tree.List("ls-tree", args...)
	for _, file := range files {
		room, closed := old.Of(file)
		if closed && !next.list.Closed(file) && !slices.Contains(opened, room.Path) {
			opened = append(opened, room.Path)
		}
	}
	return opened, err
}

// compare fills changes, edits and kept. was is what the project took last time.
func (p *plan) compare(was map[string][]byte) {
	all := maps.Clone(p.theirs)
	maps.Copy(all, p.mine)
	edited := func(file string) bool { return !same(p.mine, was, file) }
	for file := range p.mine {
		room, _ := p.old.Of(file)
		gone := !p.next.list.Closed(file) && !slices.Contains(p.opened, room.Path)
		if gone && edited(file) && !slices.Contains(p.kept, room.Path) {
			p.kept = append(p.kept, room.Path)
		}
	}
	for _, file := range slices.Sorted(maps.Keys(all)) {
		room, _ := p.old.Of(file)
		kept := slices.Contains(p.kept, room.Path) || slices.Contains(p.opened, room.Path)
		if same(p.mine, p.theirs, file) || kept && !p.next.list.Closed(file) {
			continue
		}
		p.changes = append(p.changes, file)
		if edited(file) {
			p.edits = append(p.edits, file)
		}
	}
	slices.Sort(p.kept)
}

// same reports whether two sets of files agree in one file. git may end lines in two ways.
func same(a, b map[string][]byte, file string) bool {
	x, inA := a[file]
	y, inB := b[file]
	return inA == inB && bytes.Equal(unix(x), unix(y))
}

func unix(text []byte) []byte { return bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n")) }

// apply removes first, since a file may become a folder and a folder a file.
func (p *plan) apply() error {
	var written []string
	for _, file := range p.changes {
		if _, stays := p.theirs[file]; stays {
			written = append(written, file)
			continue
		}
		if err := os.Remove(p.tree.Path(file)); err != nil {
			return err
		}
		for dir := path.Dir(file); dir != "." && os.Remove(p.tree.Path(dir)) == nil; {
			dir = path.Dir(dir)
		}
	}
	for _, file := range written {
		if err := p.write(file); err != nil {
			return err
		}
	}
	return p.addIgnored(written)
}

func (p *plan) write(file string) error {
	name := p.tree.Path(file)
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(name, p.theirs[file], 0o644); err != nil {
		return err
	}
	if p.next.files[file].mode == "100755" {
		return os.Chmod(name, 0o755)
	}
	return nil
}
