package pages

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"text/template/parse"

	"example.com/turnkey/app/internal/spelling"
)

// Fault is what is wrong with a file of the site.
type Fault struct {
	File         string // web/templates/home.html
	Line         int    // 0: the file as a whole
	Problem, Fix string
}

// Place is the file with the line.
func (f Fault) Place() string {
	if f.Line == 0 {
		return f.File
	}
	return fmt.Sprintf("%s:%d", f.File, f.Line)
}

// Faults are all that is wrong with the files, as one error.
type Faults []Fault

func (l Faults) Error() string {
	var lines []string
	for _, f := range l {
		lines = append(lines, fmt.Sprintf("%s: %s\n      → %s", f.Place(), f.Problem, f.Fix))
	}
	return strings.Join(lines, "\n")
}

// Position returns the place of the first fault, for the development page.
func (l Faults) Position() (file string, line int) { return l[0].File, l[0].Line }

func (l Faults) unique() (out Faults) {
	for _, f := range l {
		if !slices.Contains(out, f) {
			out = append(out, f)
		}
	}
	return out
}

// faultAt is a fault at a node of a template.
func faultAt(n parse.Node, tree *parse.Tree, problem, fix string) Fault {
	location, _ := tree.ErrorContext(n)
	parts := strings.Split(location, ":") // file:line:column
	line, _ := strconv.Atoi(parts[1])
	return Fault{File: parts[0], Line: line, Problem: problem, Fix: fix}
}

// templateLine is how text/template and html/template write where an error is.
var templateLine = regexp.MustCompile(`^(?:template|html/template): ?(web/templates/[^:]+\.html):(\d+)(?::\d+)?: (.*)`)

// parseFault is an error of a file that cannot be parsed.
func parseFault(file string, err error) Fault {
	f := Fault{File: file, Problem: err.Error(), Fix: "correct that line"}
	if m := templateLine.FindStringSubmatch(f.Problem); m != nil {
		f.File, f.Problem = m[1], m[3]
		f.Line, _ = strconv.Atoi(m[2])
	}
	return f
}

// suggestion is a question for the nearest of some names, with a semicolon and a space, or "" if none is near.
func suggestion(name string, known []string) string {
	if near := spelling.Nearest(name, known, len(name)/2); near != "" {
		return fmt.Sprintf("is %q meant? ", near)
	}
	return ""
}

// quoted lists names for a message.
func quoted(names []string) string {
	var out []string
	for _, n := range names {
		out = append(out, strconv.Quote(n))
	}
	return strings.Join(out, ", ")
}
