package main

import (
	"bytes"
	"fmt"
	"io"
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
	var taking []string // the owner's files where a new room is to be
	for _, file := range files {
		if !old.Closed(file) && !next.list.Closed(file) {
			continue
		}
		if p.mine[file], err = os.ReadFile(tree.Path(file)); err != nil {
			return nil, err
		}
		if !old.Closed(file) {
			taking = append(taking, file)
		}
	}
	if len(taking) > 0 {
		return nil, fmt.Errorf("a new room of the starter is to be where you have files: %s\n  → move yours first",
			strings.Join(taking, ", "))
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
	return p, nil
}

// compare fills changes, edits and kept. was is what the project took last time.
func (p *plan) compare(was map[string][]byte) {
	all := maps.Clone(p.theirs)
	maps.Copy(all, p.mine)
	edited := func(file string) bool { return !same(p.mine, was, file) }
	for file := range p.mine {
		if room, _ := p.old.Of(file); !p.next.list.Closed(file) && edited(file) && !slices.Contains(p.kept, room.Path) {
			p.kept = append(p.kept, room.Path)
		}
	}
	for _, file := range slices.Sorted(maps.Keys(all)) {
		if room, _ := p.old.Of(file); same(p.mine, p.theirs, file) || slices.Contains(p.kept, room.Path) &&
			!p.next.list.Closed(file) {
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

// fate says what becomes of a file.
func (p *plan) fate(file string) string {
	_, now := p.mine[file]
	_, then := p.theirs[file]
	switch {
	case !now:
		return "new"
	case !then:
		return "removed"
	}
	return "replaced"
}

func (p *plan) apply() error {
	for _, file := range p.changes {
		name, text := p.tree.Path(file), p.theirs[file]
		if text == nil {
			if err := os.Remove(name); err != nil {
				return err
			}
			for dir := path.Dir(file); dir != "." && os.Remove(p.tree.Path(dir)) == nil; {
				dir = path.Dir(dir)
			}
			continue
		}
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(name, text, 0o644); err != nil {
			return err
		}
		if p.next.files[file].mode == "100755" {
			if err := os.Chmod(name, 0o755); err != nil {
				return err
			}
		}
	}
	return nil
}

// print tells what was done, and what is next.
func (p *plan) print(w io.Writer) {
	fmt.Fprintf(w, "%s → %s\n\n", p.base, p.next)
	rooms := map[string]map[string]int{}
	for _, file := range p.changes {
		room, closed := p.next.list.Of(file)
		if !closed {
			room, _ = p.old.Of(file)
		}
		if rooms[room.Path] == nil {
			rooms[room.Path] = map[string]int{}
		}
		rooms[room.Path][p.fate(file)]++
	}
	for _, room := range slices.Sorted(maps.Keys(rooms)) {
		var parts []string
		for _, fate := range []string{"replaced", "new", "removed"} {
			if n := rooms[room][fate]; n > 0 {
				parts = append(parts, count(n, "file")+" "+fate)
			}
		}
		fmt.Fprintf(w, "  %-28s %s\n", room, strings.Join(parts, ", "))
	}
	if changed, _ := p.tree.Run("diff", "--name-only", "--", "go.mod"); changed != "" {
		fmt.Fprintf(w, "  %-28s raised: git diff go.mod\n", "go.mod")
	}
	for _, room := range p.kept {
		fmt.Fprintf(w, "  %-28s stays, as you changed it: the starter has it no more. Remove it when nothing imports it\n",
			room)
	}
	fmt.Fprintf(w, `
next: go vet -tags nomsgpack ./... && make test
what is yours, as the starter changed it: git diff %.7[1]s %.7[2]s -- Makefile Dockerfile .env.example app/main.go handlers web scripts/deploy
to keep it: git add -A && git commit -m "Upgrade to %.7[2]s of the starter"
to undo it: %[3]s
`, p.base.commit, p.next.commit, undo)
}
