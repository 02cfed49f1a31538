package main

import (
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"
)

// print lists what changes and what stays; note is what to know before it is done.
func (p *plan) print(w io.Writer, note string) {
	word := path.Base(template)
	defer func() {
		if p.left > 0 {
			fmt.Fprintf(w, "%s in files of yours: %s, which stays; to see them: %s\n", count(p.left, "place"), word, command(p.to))
		}
	}()
	if len(p.changes) == 0 {
		fmt.Fprintf(w, "nothing to do: this is %s already\n", p.to)
		return
	}
	from := template
	if p.current != p.to {
		from = p.current
	}
	fmt.Fprintf(w, "%s → %s\n\n", from, p.to)
	total, width := 0, 0
	for _, c := range p.changes {
		width = max(width, len(c.file))
		total += c.places
	}
	for _, c := range p.changes {
		var what []string
		if c.places > 0 {
			what = append(what, count(c.places, "place"))
		}
		if c.as != c.file {
			what = append(what, "becomes "+c.as)
		}
		fmt.Fprintf(w, "  %-*s  %s\n", width+1, c.file+":", strings.Join(what, ", "))
	}
	fmt.Fprintf(w, "\n%s, %s\n\n", count(len(p.changes), "file"), count(total, "place"))
	if len(p.kept) > 0 {
		fmt.Fprintf(w, "%s stays\n\n", word)
		for _, why := range slices.Sorted(maps.Keys(p.kept)) {
			fmt.Fprintf(w, "  %9s: %s\n", count(p.kept[why], "place"), why)
		}
		fmt.Fprintln(w)
	}
	if old := path.Base(p.current); p.current != p.to && old != word {
		fmt.Fprintf(w, "the word %s stays, as only you know where it means the project; to see it: git grep -in %[1]s\n", old)
	}
	if note != "" {
		fmt.Fprintln(w, note)
	}
	if text := warning(p.to); text != "" {
		fmt.Fprintln(w, "warning: "+text)
	}
}

// next is what to do after a rename.
func (p *plan) next(w io.Writer, git bool) {
	steps, message := []string{"make dev"}, "Rename to "+p.to
	if p.repair {
		steps, message = []string{"go mod tidy", "make test"}, "Take the template's newer rooms"
	}
	if git {
		steps = append(steps, fmt.Sprintf("git add -A && git commit -m %q", message))
	}
	fmt.Fprintf(w, "done; next:\n\n  %s\n", strings.Join(steps, "\n  "))
}

func count(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}
