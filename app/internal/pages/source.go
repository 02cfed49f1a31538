package pages

import (
	"bytes"
	"html/template"
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
	texttemplate "text/template"
	"text/template/parse"
)

type source struct {
	file    string // web/templates/admin/list.html
	name    string // admin/list
	main    *parse.Tree
	defines map[string]definition
}

// definition is a template with where it comes from.
type definition struct {
	tree  *parse.Tree
	file  string
	block bool // it was made by {{block}}, so a page may define it again
}

// parseFile returns what could be parsed of a file, even with an error.
func parseFile(files fs.FS, name string, functions template.FuncMap) (*source, error) {
	src := &source{file: path.Join("web", name), defines: map[string]definition{}}
	src.name = strings.TrimSuffix(strings.TrimPrefix(name, "templates/"), ".html")
	data, err := fs.ReadFile(files, name)
	if err != nil {
		return src, err
	}
	// A byte order mark would come before <!doctype html>.
	text := string(bytes.TrimPrefix(data, []byte("\ufeff")))
	parsed, err := texttemplate.New(src.file).Funcs(texttemplate.FuncMap(functions)).Parse(text)
	if err != nil {
		return src, err
	}
	for _, t := range parsed.Templates() {
		switch {
		case t.Tree == nil:
		case t.Name() != src.file:
			src.defines[t.Name()] = definition{tree: t.Tree, file: src.file}
		case !isBlank(t.Root):
			src.main = t.Tree
		}
	}
	for _, tree := range src.trees() {
		for _, call := range calls(tree.Root) {
			// A {{block}} is parsed to a template and a call of it. The call is where its name stands.
			def, isHere := src.defines[call.Name]
			if before := strings.TrimRight(text[:call.Pos], " \t\r\n"); isHere && strings.HasSuffix(before, "block") {
				def.block = true
				src.defines[call.Name] = def
			}
		}
	}
	return src, nil
}

func (src *source) trees() (trees []*parse.Tree) {
	if src.main != nil {
		trees = append(trees, src.main)
	}
	for _, name := range slices.Sorted(maps.Keys(src.defines)) {
		trees = append(trees, src.defines[name].tree)
	}
	return trees
}

var htmlComments = regexp.MustCompile(`(?s)<!--.*?-->`)

// isBlank reports whether the text outside of all defines is nothing but space and comments.
func isBlank(root *parse.ListNode) bool {
	if parse.IsEmptyTree(root) {
		return true
	}
	var text bytes.Buffer
	for _, n := range root.Nodes {
		t, ok := n.(*parse.TextNode)
		if !ok {
			return false
		}
		text.Write(t.Text)
	}
	return len(bytes.TrimSpace(htmlComments.ReplaceAll(text.Bytes(), nil))) == 0
}

// calls returns every {{template}} and {{block}} in a list of nodes.
func calls(list *parse.ListNode) (found []*parse.TemplateNode) {
	eachAction(list, func(n parse.Node, _ *parse.PipeNode) {
		if call, ok := n.(*parse.TemplateNode); ok {
			found = append(found, call)
		}
	})
	return found
}

// eachAction calls visit for every node with a pipeline in a list and in the branches below it.
func eachAction(list *parse.ListNode, visit func(parse.Node, *parse.PipeNode)) {
	if list == nil {
		return
	}
	branch := func(b *parse.BranchNode) {
		visit(b, b.Pipe)
		eachAction(b.List, visit)
		eachAction(b.ElseList, visit)
	}
	for _, n := range list.Nodes {
		switch n := n.(type) {
		case *parse.ActionNode:
			visit(n, n.Pipe)
		case *parse.TemplateNode:
			visit(n, n.Pipe)
		case *parse.IfNode:
			branch(&n.BranchNode)
		case *parse.WithNode:
			branch(&n.BranchNode)
		case *parse.RangeNode:
			branch(&n.BranchNode)
		}
	}
}
