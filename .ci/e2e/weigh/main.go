// Command weigh prints how large a project of the template is: files, lines, long functions and exported names of each
// closed room, and of all that a renamed project has, beside the goals.
//
//	go -C .ci/e2e run ./weigh
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
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

func main() {
	if err := run(filepath.Join("..", ".."), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "weigh:", err)
		os.Exit(1)
	}
}

// run weighs the project in dir.
func run(dir string, w io.Writer) error {
	list, err := os.ReadFile(filepath.Join(dir, "scripts", "rooms", "rooms.txt"))
	if err != nil {
		return err
	}
	git := exec.Command("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	git.Dir = dir
	files, err := git.Output()
	if err != nil {
		return fmt.Errorf("listing the files: %w", err)
	}
	closed, template := readRooms(string(list))
	printWeight(dir, strings.Split(strings.TrimRight(string(files), "\x00"), "\x00"), closed, template, w)
	return nil
}

// readRooms returns the paths of the closed rooms, and those that only the template has.
func readRooms(list string) (closed, template []string) {
	rooms, own, _ := strings.Cut(list, "\n[template]\n")
	paths := func(text string) (out []string) {
		for line := range strings.Lines(text) {
			line, _, _ = strings.Cut(line, "#")
			if fields := strings.Fields(line); len(fields) > 0 {
				out = append(out, fields[0])
			}
		}
		return out
	}
	return paths(rooms), paths(own)
}

// roomOf returns the innermost of the rooms that a file is in. It is empty for a file in none.
func roomOf(file string, rooms []string) (room string) {
	for _, r := range rooms {
		if (file == r || strings.HasPrefix(file, r+"/")) && len(r) > len(room) {
			room = r
		}
	}
	return room
}

// The goals of one function, in lines, and of one room, in exported names.
const goalFunction, goalNames = 60, 25

// weight is the size of some files.
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
func printWeight(dir string, files, closed, template []string, w io.Writer) {
	var all, owner, app weight
	byRoom := map[string]*weight{}
	for _, room := range closed {
		byRoom[room] = &weight{}
	}
	for _, file := range files {
		text, err := os.ReadFile(filepath.Join(dir, file))
		if err != nil || roomOf(file, template) != "" {
			continue // git lists what was deleted too
		}
		this := weigh(file, text)
		all.add(this)
		if room := byRoom[roomOf(file, closed)]; room != nil {
			room.add(this)
		} else if mustKnow(file) {
			owner.add(this)
			if path.Dir(file) == "app" {
				app.add(this)
			}
		}
	}
	fmt.Fprintf(w, "%-28s %6s %6s %12s %7s\n", "room", "files", "lines", "Go, no tests", "exports")
	for _, room := range closed {
		if o := byRoom[room]; o.files > 0 {
			note := ""
			if len(o.names) > goalNames {
				note = fmt.Sprintf("  over %d", goalNames)
			}
			fmt.Fprintf(w, "%-28s %6d %6d %12d %7d%s\n", room, o.files, o.lines, o.goLines, len(o.names), note)
		}
	}
	fmt.Fprintln(w)
	for _, row := range []struct { // a project's own files add to some of them
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

// mustKnow reports whether a newcomer has to read a file of the owner's: code, pages and styles.
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
