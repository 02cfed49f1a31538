package pages

import (
	"cmp"
	"fmt"
	"html/template"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
)

// templates are the pages of one state of the files. It is not changed after load.
type templates struct {
	pages  map[string]*set // by the page's name
	shared map[string]*set // by the name of a template that belongs to every set: c.HTML can render one alone
	faults Faults
}

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
