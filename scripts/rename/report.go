package main

import (
	"fmt"
	"io"
	"path"

	"example.com/turnkey/scripts/internal/project"
)

func (p *plan) print(w io.Writer) {
	if len(p.changes) == 0 {
		fmt.Fprintf(w, "nothing to do: this is %s already\n", p.to)
		return
	}
	from := project.Template
	if p.current != p.to {
		from = p.current
	}
	fmt.Fprintf(w, "%s → %s\n\n", from, p.to)
	line := func(name, what string) { fmt.Fprintf(w, "  %-36s  %s\n", name, what) }
	imports, gone := 0, map[string]int{}
	for _, c := range p.changes {
		switch {
		case c.gone:
			gone[p.rooms.OfTemplate(c.file)]++
		case c.what == "":
			imports++
		default:
			line(c.file, c.what)
		}
	}
	if imports > 0 {
		line(project.Count(imports, "Go file"), "imports")
	}
	for _, r := range p.rooms.Template {
		if gone[r] > 0 {
			line(r, "removed: only the template needs it ("+project.Count(gone[r], "file")+")")
		}
	}
	fmt.Fprintln(w)
	for _, note := range p.notes {
		fmt.Fprintln(w, note)
	}
	if old := path.Base(p.current); p.current != p.to && p.current != project.Template {
		fmt.Fprintf(w, "the word %s stays, as only you know where it means the project; to see it: "+
			"git grep -in %[1]s\n", old)
	}
	if p.fresh {
		fmt.Fprintln(w, "the local CA keeps its name and folder: all projects of a machine share it")
	}
	if p.noGit != nil {
		fmt.Fprintln(w, "git cannot undo this:", p.noGit)
	}
	if text := warning(p.to); text != "" {
		fmt.Fprintln(w, "warning:", text)
	}
}

// next is what to do after a rename.
func (p *plan) next(w io.Writer) {
	message := "Rename to " + p.to
	if p.fresh {
		fmt.Fprintf(w, "done: this is %s now, and yours. Where to begin:\n\n", path.Base(p.to))
		for _, at := range [][2]string{
			{"web/templates/home.html", "the first page; its look is in web/static/style.css"},
			{"handlers/routes.go", "the map of the site: a line for each page"},
			{".env.example", "settings: cp .env.example .env"},
			{"README.md", "say what it is for; LICENSE: whose it is"},
		} {
			if p.tree.Exists(at[0]) {
				fmt.Fprintf(w, "  %-24s  %s\n", at[0], at[1])
			}
		}
		fmt.Fprintf(w, "  %-24s  serve it, and follow every edit (without make: go run ./scripts/dev)\n\n", "make dev")
	} else {
		fmt.Fprint(w, "done; next: go mod tidy && make test\n")
		if p.current == p.to {
			message = "Take the template's newer folders"
		}
	}
	if p.noGit == nil {
		fmt.Fprintf(w, "to keep it: git add -A && git commit -m %q\n"+
			"to undo it: git stash -u, which puts away all that is not committed\n", message)
	} else if p.fresh {
		fmt.Fprintf(w, "what was removed or replaced is in %s, until you delete it\n", project.Before)
	}
}
