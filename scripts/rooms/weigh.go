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

	"example.com/turnkey/scripts/internal/git"
	"example.com/turnkey/scripts/internal/rooms"
)

// The goals for a project that has been renamed. Its own work adds to some of them.
const (
	goalFiles, goalGo    = 220, 17500
	goalOwner            = 1000
	goalAppLines         = 120
	goalAppFiles         = 4
	goalFunction, maxAPI = 60, 25
)

// weight is what some files come to.
type weight struct {
	files, lines, goLines int
	names                 map[string]bool // exported by the package of the folder itself
	long                  []string        // functions over goalFunction lines
}

func (w *weight) add(o weight) {
	w.files, w.lines, w.goLines = w.files+o.files, w.lines+o.lines, w.goLines+o.goLines
	w.long = append(w.long, o.long...)
	if w.names == nil {
		w.names = map[string]bool{}
	}
	maps.Copy(w.names, o.names)
}

// printWeight weighs what a renamed project has: everything but the template's own files.
func printWeight(dir string, list rooms.List, w io.Writer) error {
	files, _ := git.Tree(dir).Files()
	var all, owner, app weight
	byRoom := map[string]*weight{}
	for _, file := range files {
		if list.OfTemplate(file) != "" {
			continue
		}
		text, err := os.ReadFile(git.Tree(dir).Path(file))
		if err != nil {
			continue // git lists what was deleted too
		}
		this := weigh(file, text)
		all.add(this)
		room, closed := list.Of(file)
		if !closed {
			if mustKnow(file) {
				owner.add(this)
			}
			if path.Dir(file) == "app" && this.goLines > 0 {
				app.add(this)
			}
			continue
		}
		if byRoom[room.Path] == nil {
			byRoom[room.Path] = &weight{}
		}
		byRoom[room.Path].add(this)
	}
	fmt.Fprintf(w, "%-28s %6s %6s %12s %7s\n", "room", "files", "lines", "Go, no tests", "exports")
	for _, r := range list.Rooms {
		if o := byRoom[r.Path]; o != nil {
			note := ""
			if len(o.names) > maxAPI {
				note = fmt.Sprintf("  over %d", maxAPI)
			}
			fmt.Fprintf(w, "%-28s %6d %6d %12d %7d%s\n", r.Path, o.files, o.lines, o.goLines, len(o.names), note)
		}
	}
	fmt.Fprintln(w)
	goal := func(what string, got, most int) { fmt.Fprintf(w, "%-46s %6d   goal %d\n", what, got, most) }
	goal("files of a renamed project", all.files, goalFiles)
	goal("its lines of Go, without tests", all.goLines, goalGo)
	goal("what the owner must know, in lines", owner.lines, goalOwner)
	goal("app/*.go without tests, lines", app.goLines, goalAppLines)
	goal("app/*.go without tests, files", app.files, goalAppFiles)
	goal(fmt.Sprintf("functions over %d lines", goalFunction), len(all.long), 0)
	for _, f := range all.long {
		fmt.Fprintln(w, "  "+f)
	}
	fmt.Fprintf(w, "%-46s %6d\n", "its lines in all", all.lines)
	return nil
}

// mustKnow reports whether a file of the owner's is one to read before working here: code, pages and styles.
func mustKnow(file string) bool {
	return !strings.HasSuffix(file, "_test.go") && slices.Contains([]string{".go", ".html", ".css", ".js"}, path.Ext(file))
}

func weigh(file string, text []byte) weight {
	w := weight{files: 1, lines: bytes.Count(text, []byte("\n"))}
	if path.Ext(file) != ".go" || strings.HasSuffix(file, "_test.go") {
		return w
	}
	w.goLines, w.names = w.lines, map[string]bool{}
	set := token.NewFileSet()
	f, err := parser.ParseFile(set, file, text, parser.SkipObjectResolution)
	if err != nil {
		return w
	}
	for _, d := range f.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok {
			if n := set.Position(fn.End()).Line - set.Position(fn.Pos()).Line + 1; n > goalFunction {
				w.long = append(w.long, fmt.Sprintf("%s:%d %s, %d lines", file, set.Position(fn.Pos()).Line, fn.Name.Name, n))
			}
		}
		for _, name := range declared(d) {
			if name.IsExported() {
				w.names[name.Name] = true
			}
		}
	}
	return w
}

// declared returns the names that a declaration gives its package. Methods belong to their types.
func declared(d ast.Decl) (names []*ast.Ident) {
	switch d := d.(type) {
	case *ast.FuncDecl:
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
	return names
}
