package main

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"example.com/turnkey/scripts/internal/project"
)

// owners are the owner's files that the starter has too.
var owners = []string{"Makefile", "Dockerfile", ".env.example", "app/main.go", "handlers", "web", "scripts/deploy"}

// fates are the possible results for a file.
var fates = []string{"replaced", "new", "removed"}

func (p *plan) fate(name string) string {
	_, now := p.mine[name]
	_, then := p.theirs[name]
	switch {
	case !now:
		return "new"
	case !then:
		return "removed"
	}
	return "replaced"
}

// agreed lists the closed files that the owner changed and asks whether to replace them. in is nil if there is no
// terminal.
func (p *plan) agreed(in io.Reader, out io.Writer) bool {
	fmt.Fprintf(out, "changed here, compared with %s:\n", p.base)
	for _, name := range p.edits {
		fmt.Fprintf(out, "  %-40s %s\n", name, p.fate(name))
	}
	if in == nil {
		return false
	}
	fmt.Fprintf(out, "replace %s by the newer version's? git keeps yours [y/N] ", project.Count(len(p.edits), "file"))
	answer, _ := bufio.NewReader(in).ReadString('\n')
	return slices.Contains([]string{"y", "yes"}, strings.ToLower(strings.TrimSpace(answer)))
}

// print prints what was done, and what to do next.
func (p *plan) print(w io.Writer) {
	fmt.Fprintf(w, "%s → %s\n\n", p.base, p.next)
	line := func(room, text string) { fmt.Fprintf(w, "  %-28s %s\n", room, text) }
	rooms := map[string]map[string]int{}
	for _, name := range p.changes {
		room, closed := p.next.rooms.Of(name)
		if !closed {
			room, _ = p.old.Of(name)
		}
		if rooms[room.Path] == nil {
			rooms[room.Path] = map[string]int{}
		}
		rooms[room.Path][p.fate(name)]++
	}
	for _, room := range slices.Sorted(maps.Keys(rooms)) {
		var parts []string
		for _, fate := range fates {
			if n := rooms[room][fate]; n > 0 {
				parts = append(parts, project.Count(n, "file")+" "+fate)
			}
		}
		line(room, strings.Join(parts, ", "))
	}
	if changed, _ := p.tree.Git("diff", "--name-only", "--", "go.mod"); changed != "" {
		line("go.mod", "changed: git diff go.mod")
	}
	for _, room := range slices.Sorted(maps.Keys(p.kept)) {
		line(room, "stays, "+p.kept[room])
	}
	for _, room := range p.opened {
		line(room, "yours from now on")
	}
	shared := slices.Concat(owners, p.opened)
	if prefix, _ := p.tree.Git("rev-parse", "--show-prefix"); strings.TrimSpace(prefix) != "" {
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
