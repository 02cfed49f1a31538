// Package project has what programs need to change a project: its module path, its files as git has them, and the list
// of its closed folders. It uses the standard library only.
package project

import (
	"bytes"
	"errors"
	"fmt"
	"go/format"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Template is the module path that the template is published under.
const Template = "example.com/turnkey"

var (
	moduleLine  = regexp.MustCompile(`(?m)^module[ \t]+"?([^\s"]+)`)
	requirement = regexp.MustCompile(`(?m)^(?:require)?[ \t]+"?([^\s"]+)"?[ \t]+v[0-9]`)
)

// ModulePath returns the module path of the project in dir, and the paths of the modules that it requires.
func ModulePath(dir string) (own string, required []string, err error) {
	text, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	if errors.Is(err, os.ErrNotExist) {
		err = errors.New("there is no go.mod here\n  → run it in the project's own folder")
	}
	if err != nil {
		return "", nil, err
	}
	for _, m := range requirement.FindAllSubmatch(text, -1) {
		required = append(required, string(m[1]))
	}
	own, err = PathIn(text)
	return own, required, err
}

// PathIn returns the module path that the text of a go.mod declares.
func PathIn(text []byte) (string, error) {
	m := moduleLine.FindSubmatch(text)
	if m == nil {
		return "", errors.New("go.mod has no line that begins with module\n  → write it first, for example: module " +
			"example.com/you/shop")
	}
	return string(m[1]), nil
}

// WithPath returns the text of a go.mod that names the module to in place of old, in its module line and in
// replacements.
func WithPath(text []byte, old, to string) []byte {
	paths := regexp.MustCompile(`(^|[\s"])` + regexp.QuoteMeta(old) + `(/[^\s"]*)?(["\s]|$)`)
	return paths.ReplaceAll(text, fmt.Appendf(nil, "${1}%s${2}${3}", to))
}

// WithImports returns the text of a Go file with imports of the module old changed to the module to. It parses the
// imports alone, so that the rest of the file may be broken.
func WithImports(text []byte, old, to string) []byte {
	set := token.NewFileSet()
	f, _ := parser.ParseFile(set, "", text, parser.ImportsOnly)
	if f == nil || old == to {
		return text
	}
	out := slices.Clone(text)
	for _, spec := range slices.Backward(f.Imports) {
		imported, err := strconv.Unquote(spec.Path.Value)
		if rest, ok := strings.CutPrefix(imported, old); ok && err == nil && (rest == "" || rest[0] == '/') {
			start := set.File(spec.Pos()).Offset(spec.Path.Pos())
			out = slices.Replace(out, start, start+len(spec.Path.Value), []byte(strconv.Quote(to+rest))...)
		}
	}
	if bytes.Equal(out, text) {
		return text
	}
	return formatted(text, out)
}

// formatted returns after as gofmt would write it, which may sort the imports again, if before was formatted too. Line
// ends stay as they were.
func formatted(before, after []byte) []byte {
	was, err := format.Source(LF(before))
	if err != nil || !bytes.Equal(was, LF(before)) {
		return after
	}
	is, err := format.Source(LF(after))
	if err != nil {
		return after
	}
	if bytes.Contains(before, []byte("\r\n")) {
		return bytes.ReplaceAll(is, []byte("\n"), []byte("\r\n"))
	}
	return is
}

// LF returns text with lines that end as in git's own copy.
func LF(text []byte) []byte { return bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n")) }

// Count returns a number with its noun: "1 file", "2 files".
func Count(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return fmt.Sprintf("%d %s", n, noun)
}
