package main

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"maps"
	"os"
	"path"
	"slices"
	"strings"

	"example.com/turnkey/scripts/internal/project"
)

// The goals of one function, in lines, and of one room, in exported names.
const goalFunction, goalNames = 60, 25

// weight is what some files come to.
type weight struct {
	files, lines, goFiles, goLines int             // Go without tests
	names                          map[string]bool // exported by the package of the folder itself
	long                           []string        // functions over goalFunction lines
}

func (w *weight) add(o weight) {
	w.files, w.lines, w.goFiles, w.goLines = w.files+o.files, w.lines+o.lines, w.goFiles+o.goFiles, w.goLines+o.goLines
	w.long = append(w.long, o.long...)
	if w.names == nil {
		w.names = map[string]bool{}
	}
	maps.Copy(w.names, o.names)
}

// printWeight weighs what a renamed project has: everything but the template's own files.
func printWeight(tree project.Tree, rooms project.Rooms, w io.Writer) {
	var all, owner, app weight
	byRoom := map[string]*weight{}
	for _, r := range rooms.Closed {
		byRoom[r.Path] = &weight{}
	}
	files, _ := tree.Files()
	for _, file := range files {
		text, err := os.ReadFile(tree.Path(file))
		if err != nil || rooms.OfTemplate(file) != "" {
			continue // git lists what was deleted too
		}
		this := weigh(file, text)
		all.add(this)
		room, closed := rooms.Of(file)
		switch {
		case closed:
			byRoom[room.Path].add(this)
		case mustKnow(file):
			owner.add(this)
			if path.Dir(file) == "app" {
				app.add(this)
			}
		}
	}
	fmt.Fprintf(w, "%-28s %6s %6s %12s %7s\n", "room", "files", "lines", "Go, no tests", "exports")
	for _, r := range rooms.Closed {
		if o := byRoom[r.Path]; o.files > 0 {
			note := ""
			if len(o.names) > goalNames {
				note = fmt.Sprintf("  over %d", goalNames)
			}
			fmt.Fprintf(w, "%-28s %6d %6d %12d %7d%s\n", r.Path, o.files, o.lines, o.goLines, len(o.names), note)
		}
	}
	fmt.Fprintln(w)
	for _, row := range []struct { // a project's own work adds to some of them
		what      string
		got, goal int
	}{
		{"files of a renamed project", all.files, 220},
		{"its lines of Go, without tests", all.goLines, 17500},
		{"what the owner must know, in lines", owner.lines, 1000},
		{"app/*.go without tests, lines", app.goLines, 120},
		{"app/*.go without tests, files", app.goFiles, 4},
		{fmt.Sprintf("functions over %d lines", goalFunction), len(all.long), 0},
	} {
		fmt.Fprintf(w, "%-46s %6d   goal %d\n", row.what, row.got, row.goal)
	}
	for _, f := range all.long {
		fmt.Fprintln(w, "  "+f)
	}
	fmt.Fprintf(w, "%-46s %6d\n", "its lines in all", all.lines)
}

// mustKnow reports whether a file of the owner's is one to read before working here: code, pages and styles.
func mustKnow(file string) bool {
	kinds := []string{".go", ".html", ".css", ".js"}
	return !strings.HasSuffix(file, "_test.go") && slices.Contains(kinds, path.Ext(file))
}

func weigh(file string, text []byte) weight {
	w := weight{files: 1, lines: bytes.Count(text, []byte("\n"))}
	if path.Ext(file) != ".go" || strings.HasSuffix(file, "_test.go") {
		return w
	}
	w.goFiles, w.goLines, w.names = 1, w.lines, map[string]bool{}
	set := token.NewFileSet()
	f, err := parser.ParseFile(set, file, text, parser.SkipObjectResolution)
	if err != nil {
		return w
	}
	for _, d := range f.Decls {
		var names []*ast.Ident // methods belong to their types
		switch d := d.(type) {
		case *ast.FuncDecl:
			from, to := set.Position(d.Pos()).Line, set.Position(d.End()).Line
			if n := to - from + 1; n > goalFunction {
				w.long = append(w.long, fmt.Sprintf("%s:%d %s, %d lines", file, from, d.Name.Name, n))
			}
			if d.Recv == nil {
				names = append(names, d.Name)
			}
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				switch s := spec.(type) {
				case *ast.TypeSpec:
					names = append(names, s.Name)
				case *ast.ValueSpec:
					names = append(names, s.Names...)
				}
			}
		}
		for _, name := range names {
			if name.IsExported() {
				w.names[name.Name] = true
			}
		}
	}
	return w
}
