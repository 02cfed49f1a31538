package main

import (
	"bytes"
	"go/format"
	"go/parser"
	"go/token"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// withImports returns the text of a Go file whose imports from the module old come from the module to instead. It needs
// nothing of the file but the imports: what is below them may not compile yet.
func withImports(text []byte, old, to string) []byte {
	set := token.NewFileSet()
	f, _ := parser.ParseFile(set, "", text, parser.ImportsOnly)
	if f == nil {
		return text
	}
	out := slices.Clone(text)
	for _, spec := range slices.Backward(f.Imports) {
		path, err := strconv.Unquote(spec.Path.Value)
		if rest, ok := strings.CutPrefix(path, old); ok && err == nil && (rest == "" || rest[0] == '/') {
			start := set.File(spec.Pos()).Offset(spec.Path.Pos())
			out = slices.Replace(out, start, start+len(spec.Path.Value), []byte(strconv.Quote(to+rest))...)
		}
	}
	if bytes.Equal(out, text) {
		return text
	}
	return formatted(text, out)
}

// formatted returns after as gofmt would have it, which may sort imports anew, if before was so. Lines end as before.
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

// withModule returns the text of a go.mod that names the module to in place of old, as itself or to replace.
func withModule(text []byte, old, to string) []byte {
	paths := regexp.MustCompile(`(^|[\s"])` + regexp.QuoteMeta(old) + `(/[^\s"]*)?(["\s]|$)`)
	return paths.ReplaceAll(text, []byte("${1}"+to+"${2}${3}"))
}
