// Package module reads and changes the module path of a project, in go.mod and in imports.
package module

import (
	"bytes"
	"errors"
	"fmt"
	"go/format"
	"go/parser"
	"go/token"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
)

// Template is the module path that the template is published under.
const Template = "example.com/turnkey"

// Name returns the name of the project that this program was built in: the last element of its module path.
func Name() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Path != "" {
		return path.Base(info.Main.Path)
	}
	return "site"
}

var moduleLine = regexp.MustCompile(`(?m)^module[ \t]+"?([^\s"]+)`)

// Path returns the module path of the project in dir.
func Path(dir string) (string, error) {
	text, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	if errors.Is(err, os.ErrNotExist) {
		return "", errors.New("there is no go.mod here\n  → run it in the project's own folder")
	}
	if err != nil {
		return "", err
	}
	return PathIn(text)
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

var requirement = regexp.MustCompile(`(?m)^(?:require)?[ \t]+"?([^\s"]+)"?[ \t]+v[0-9]`)

// Required returns the paths of the modules that the project in dir requires.
func Required(dir string) (paths []string, err error) {
	text, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	for _, m := range requirement.FindAllSubmatch(text, -1) {
		paths = append(paths, string(m[1]))
	}
	return paths, err
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
	lf, crlf := []byte("\n"), []byte("\r\n")
	windows := bytes.Contains(before, crlf)
	before = bytes.ReplaceAll(before, crlf, lf)
	if was, err := format.Source(before); err != nil || !bytes.Equal(was, before) {
		return after
	}
	is, err := format.Source(bytes.ReplaceAll(after, crlf, lf))
	switch {
	case err != nil:
		return after
	case windows:
		return bytes.ReplaceAll(is, lf, crlf)
	}
	return is
}

// WithPath returns the text of a go.mod that names the module to in place of old, in its module line and in
// replacements.
func WithPath(text []byte, old, to string) []byte {
	paths := regexp.MustCompile(`(^|[\s"])` + regexp.QuoteMeta(old) + `(/[^\s"]*)?(["\s]|$)`)
	return paths.ReplaceAll(text, fmt.Appendf(nil, "${1}%s${2}${3}", to))
}
