package pages

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
	texttemplate "text/template"
	"text/template/parse"
)

// templates are the pages of one state of the files. It is not changed after load.
type templates struct {
	pages  map[string]*set // by the page's name
	shared map[string]*set // by the name of a template that belongs to every set: c.HTML can render one alone
	faults Faults
}

// set is a page with what it may call: the layout, the partials, and the templates of its own file. So each page can
// define "content". Two files that define the same name in one set are a fault.
type set struct {
	name   string // of the page
	file   string // web/templates/admin/list.html
	entry  string // the template that is executed
	trees  map[string]definition
	html   *template.Template // nil: faults
	faults Faults             // of this page and of what it shares with others
}

// definition is a template with where it comes from.
type definition struct {
	tree  *parse.Tree
	file  string
	block bool // it was made by {{block}}, so a page may define it again
}

// source is a parsed file.
type source struct {
	file    string // web/templates/admin/list.html
	name    string // admin/list
	main    *parse.Tree
	defines map[string]definition
}

// layoutName is the template that a page is put into which defines blocks only.
const layoutName = "layout"

// load reads and parses all templates.
func load(files fs.FS, functions template.FuncMap) *templates {
	t := &templates{pages: map[string]*set{}, shared: map[string]*set{}}
	names, _, err := list(files, templatesFolder)
	if err != nil {
		t.faults = Faults{{File: "web/templates", Problem: "cannot be read: " + err.Error(), Fix: "make it readable"}}
	}
	shared := set{trees: map[string]definition{}}
	var pages []*source
	for _, name := range names {
		if path.Ext(name) != ".html" {
			continue
		}
		of := &shared
		if !isShared(name) {
			of = &set{}
		}
		src, err := parseFile(files, name, functions)
		if err != nil {
			of.faults = append(of.faults, parseFault(path.Join("web", name), err))
		}
		if of == &shared {
			shared.add(src, src.name)
			continue
		}
		of.name, of.file = src.name, src.file
		t.pages[src.name] = of
		pages = append(pages, src)
	}
	for _, src := range pages {
		s := t.pages[src.name]
		s.trees, s.faults = maps.Clone(shared.trees), slices.Concat(shared.faults, s.faults)
		s.addPage(src)
		s.prepare(functions, pages)
	}
	for name, def := range shared.trees {
		s := &set{name: name, file: def.file, entry: name, trees: shared.trees, faults: slices.Clone(shared.faults)}
		s.prepare(functions, pages)
		t.shared[name] = s
	}
	t.faults = append(t.faults, shared.faults...)
	for _, name := range slices.Sorted(maps.Keys(t.pages)) {
		t.faults = append(t.faults, t.pages[name].faults...)
	}
	t.faults = t.faults.unique()
	return t
}

// isShared reports whether a file belongs to every set.
func isShared(name string) bool {
	return name == "templates/layout.html" || strings.HasPrefix(name, "templates/partials/") ||
		strings.HasPrefix(path.Base(name), "_")
}

// parseFile returns what could be read of a file, in any case.
func parseFile(files fs.FS, name string, functions template.FuncMap) (*source, error) {
	src := &source{file: path.Join("web", name), defines: map[string]definition{}}
	src.name = strings.TrimSuffix(strings.TrimPrefix(name, "templates/"), ".html")
	data, err := fs.ReadFile(files, name)
	if err != nil {
		return src, err
	}
	// The text's own BOM would come before <!doctype html>.
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

// add adds what a file defines. Its text outside of defines gets the name main.
func (s *set) add(src *source, main string) {
	names := slices.Sorted(maps.Keys(src.defines))
	if src.main != nil {
		s.define(main, definition{tree: src.main, file: src.file})
	}
	for _, name := range names {
		s.define(name, src.defines[name])
	}
}

func (s *set) define(name string, def definition) {
	before, twice := s.trees[name]
	switch {
	case twice && before.file == def.file:
		s.fault(def.tree.Root, def.tree, fmt.Sprintf("the text of the file has the name %q, and the file defines it too", name),
			"put all of it into {{define}}, or rename that one")
	case twice && (!before.block || s.file == ""):
		s.fault(def.tree.Root, def.tree, fmt.Sprintf("defines %q, which %s has already", name, before.file),
			fmt.Sprintf("rename one of the two, or write {{block %q .}}…{{end}} in %s to let pages define it", name, before.file))
	default:
		s.trees[name] = def
	}
}

// addPage adds the page's own file and finds out which template is executed: the one with the page's name, or the file
// as a whole if it has text outside of all defines, or the layout.
func (s *set) addPage(src *source) {
	for _, name := range []string{src.name, path.Base(src.name)} {
		if _, ok := src.defines[name]; ok && s.entry == "" {
			s.entry = name
			src.main = nil
		}
	}
	s.add(src, src.name)
	if s.entry != "" || len(s.faults) > 0 {
		return
	}
	s.entry = layoutName
	if _, ok := s.trees[layoutName]; src.main != nil || !ok && len(src.defines) == 0 {
		s.entry = src.name // a file without anything is an empty page
	} else if !ok {
		s.faults = append(s.faults, Fault{File: s.file, Line: 1,
			Problem: fmt.Sprintf("defines %s alone, and web/templates/layout.html has no template %q to put it into",
				quoted(slices.Sorted(maps.Keys(src.defines))), layoutName),
			Fix: fmt.Sprintf("define %q here; what several pages call belongs in web/templates/partials/", src.name)})
		return
	}
	s.checkBlocks(src)
}

// checkBlocks finds templates of a page for the layout that the layout has no place for.
func (s *set) checkBlocks(src *source) {
	if s.entry != layoutName {
		return
	}
	called, blocks := map[string]bool{}, []string{}
	for name, def := range s.trees {
		for _, call := range calls(def.tree.Root) {
			called[call.Name] = true
		}
		if def.block || def.file == s.file && s.entry == layoutName {
			blocks = append(blocks, name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(src.defines)) {
		if called[name] {
			continue
		}
		others := slices.DeleteFunc(slices.Clone(blocks), func(b string) bool { return !called[b] })
		tree := src.defines[name].tree
		s.fault(tree.Root, tree, fmt.Sprintf("defines %q, which nothing calls", name), suggestion(name, others)+
			"the layout has to say where it goes: {{block \""+name+"\" .}}{{end}}; what several pages call belongs in web/templates/partials/")
	}
}

// calls returns every {{template}} and {{block}} in a list of nodes.
func calls(list *parse.ListNode) (found []*parse.TemplateNode) {
	if list == nil {
		return nil
	}
	for _, n := range list.Nodes {
		switch n := n.(type) {
		case *parse.TemplateNode:
			found = append(found, n)
		case *parse.IfNode:
			found = append(found, append(calls(n.List), calls(n.ElseList)...)...)
		case *parse.WithNode:
			found = append(found, append(calls(n.List), calls(n.ElseList)...)...)
		case *parse.RangeNode:
			found = append(found, append(calls(n.List), calls(n.ElseList)...)...)
		}
	}
	return found
}

// prepare makes the html/template of a set, with every template that the page can reach.
func (s *set) prepare(functions template.FuncMap, pages []*source) {
	if len(s.faults) > 0 {
		return
	}
	html := template.New("").Funcs(functions)
	reached := map[string]bool{}
	var reach func(name string)
	reach = func(name string) {
		if reached[name] {
			return
		}
		reached[name] = true
		tree := s.trees[name].tree
		html.AddParseTree(name, tree.Copy()) // html/template changes it
		for _, call := range calls(tree.Root) {
			if _, ok := s.trees[call.Name]; !ok {
				s.fault(call, tree, fmt.Sprintf("there is no template %q for %s", call.Name, s.file), s.whereIs(call.Name, pages))
				continue
			}
			reach(call.Name)
		}
	}
	if _, ok := s.trees[s.entry]; !ok { // a file without anything
		return
	}
	if reach(s.entry); len(s.faults) > 0 {
		return
	}
	// html/template finds out at the first execution whether quotes and tags are closed, and then executes. The index
	// fails before anything of the site is executed.
	const probe = "\x00"
	_, err := html.New(probe).Parse(fmt.Sprintf(`{{index "" 0}}{{template %q .}}`, s.entry))
	if err == nil {
		err = html.ExecuteTemplate(io.Discard, probe, nil)
	}
	if e, ok := errors.AsType[*template.Error](err); ok && e.Node == nil {
		s.faults = append(s.faults, Fault{File: s.file, Problem: e.Description, Fix: "close what is open"})
	} else if ok {
		s.faults = append(s.faults, parseFault(s.file, err))
	} else {
		s.html = html
	}
}

// whereIs says what to do about a template that a set lacks.
func (s *set) whereIs(name string, pages []*source) string {
	for _, p := range pages {
		if _, ok := p.defines[name]; ok && p.file != s.file {
			return fmt.Sprintf("%s defines it, for itself alone; move it to web/templates/partials/", p.file)
		}
	}
	known := slices.Sorted(maps.Keys(s.trees))
	return suggestion(name, known) + "there are " + cmp.Or(quoted(known), "none")
}

// fault adds a fault at a node of a tree.
func (s *set) fault(n parse.Node, tree *parse.Tree, problem, fix string) {
	s.faults = append(s.faults, faultAt(n, tree, problem, fix))
}

// get returns the set of a page.
func (t *templates) get(name string) (*set, error) {
	if s := cmp.Or(t.pages[name], t.shared[name]); s != nil {
		if len(s.faults) > 0 {
			return nil, s.faults
		}
		return s, nil
	}
	known := slices.Sorted(maps.Keys(t.pages))
	if len(known) == 0 && len(t.faults) > 0 {
		return nil, t.faults
	}
	return nil, &unknownPage{name, known}
}

// unknownPage is the error for a name that no page has. middleware.Failures knows it by fs.ErrNotExist: a site without
// a page "error" is not broken.
type unknownPage struct {
	name  string
	known []string
}

func (e *unknownPage) Error() string {
	return fmt.Sprintf("there is no page %q: %sthe pages in web/templates are %s", e.name, suggestion(e.name, e.known),
		cmp.Or(quoted(e.known), "none"))
}

func (*unknownPage) Is(target error) bool { return target == fs.ErrNotExist }
