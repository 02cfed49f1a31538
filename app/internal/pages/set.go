package pages

import (
	"cmp"
	"errors"
	"fmt"
	"html/template"
	"io"
	"maps"
	"path"
	"slices"
	"text/template/parse"
)

// set is a page with the templates that it may call: the layout, the partials, and those of its own file. So each page
// can define "content". It is a fault if two files of a set define the same name.
type set struct {
	name   string // of the page
	file   string // web/templates/admin/list.html
	entry  string // the template that is executed
	trees  map[string]definition
	html   *template.Template // nil: faults
	faults Faults             // of this page and of what it shares with others
}

// layoutName is the template that is rendered for a page that defines blocks only.
const layoutName = "layout"

// add adds what a file defines. Its text outside of defines gets the name main.
func (s *set) add(src *source, main string) {
	if src.main != nil {
		s.define(main, definition{tree: src.main, file: src.file})
	}
	for _, name := range slices.Sorted(maps.Keys(src.defines)) {
		s.define(name, src.defines[name])
	}
}

func (s *set) define(name string, def definition) {
	before, twice := s.trees[name]
	switch {
	case twice && before.file == def.file:
		s.fault(def.tree.Root, def.tree, fmt.Sprintf("has text outside of {{define}}, which is the template %q, and defines it too", name),
			"move the text into a {{define}}, or rename the definition")
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

// checkBlocks returns a fault for each block of a page that the layout does not call.
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
		s.faults = append(s.faults, Fault{File: s.file, Problem: e.Description, Fix: "close the open tag or quote"})
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
			return fmt.Sprintf("%s defines it, but only for itself: move it to web/templates/partials/", p.file)
		}
	}
	known := slices.Sorted(maps.Keys(s.trees))
	return suggestion(name, known) + "there are " + cmp.Or(quoted(known), "none")
}

// fault adds a fault at a node of a tree.
func (s *set) fault(n parse.Node, tree *parse.Tree, problem, fix string) {
	s.faults = append(s.faults, faultAt(n, tree, problem, fix))
}
