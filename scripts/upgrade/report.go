package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// owners are the owner's files that the starter has too.
var owners = []string{"Makefile", "Dockerfile", ".env.example", "app/main.go", "handlers", "web", "scripts/deploy"}

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
		fmt.Fprintf(w, "  %-28s changed: git diff go.mod\n", "go.mod")
	}
	for _, room := range p.kept {
		fmt.Fprintf(w, "  %-28s stays, as you changed it: the starter has it no more. Remove it when nothing imports it\n",
			room)
	}
	for _, room := range p.opened {
		fmt.Fprintf(w, "  %-28s yours from now on\n", room)
	}
	shared := slices.Concat(owners, p.opened)
	if prefix, _ := p.tree.Run("rev-parse", "--show-prefix"); strings.TrimSpace(prefix) != "" {
		for i := range shared { // the starter has no folder around the project
			shared[i] = ":/" + shared[i]
		}
	}
	fmt.Fprintf(w, `
next: go vet -tags nomsgpack ./... && make test
what is yours, as the starter changed it: git diff %.7[1]s %.7[2]s -- %[4]s
to keep it: git add -A && git commit -m "Upgrade to %.7[2]s of the starter"
to undo it: %[3]s
`, p.base.commit, p.next.commit, undo, strings.Join(shared, " "))
}
