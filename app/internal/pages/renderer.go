package pages

import (
	"bytes"
	"fmt"
	"html/template"
	"maps"
	"net/http"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"sync"

	"github.com/gin-gonic/gin/render"

	"example.com/turnkey/middleware/input"
)

// renderer renders a page whole before its first byte is sent. A template that fails is then a clean 500, and not half
// a page. gin's own renderer writes while it renders (gin-gonic/gin#456).
type renderer struct {
	Options
	functions template.FuncMap // all of them
	templates *templates       // nil: they are read for each page
}

// functions returns those that templates can call beside html/template's own. A function of the site's owner replaces
// one of the same name.
func functions(static *assets, own template.FuncMap) template.FuncMap {
	all := template.FuncMap{
		// {{asset "style.css"}} is the URL path of web/static/style.css.
		"asset": static.url,
		// {{with invalid .Err "email"}}<p>Email {{.}}</p>{{end}} is what kit.Bind found wrong with a field.
		"invalid": func(err error, field string) string {
			for _, e := range input.FieldErrors(err) {
				if e.Pointer == "#/"+field {
					return e.Detail
				}
			}
			return ""
		},
	}
	maps.Copy(all, own)
	return all
}

// errorPage is the name of the page that the middleware renders for an error.
const errorPage = "error"

// siteFile is where an owner declares the values of pages.
const siteFile = "handlers/site.go"

// faults returns the faults of templates: those that cannot be parsed, and fields that their values lack.
func (r *renderer) faults(t *templates) Faults {
	faults := slices.Clone(t.faults)
	for _, name := range slices.Sorted(maps.Keys(r.Values)) {
		known := slices.Sorted(maps.Keys(t.pages))
		if t.pages[name] == nil && t.shared[name] == nil && (len(known) > 0 || len(t.faults) == 0) {
			faults = append(faults, Fault{File: siteFile,
				Problem: fmt.Sprintf("Pages has %q, but there is no page of that name", name),
				Fix:     suggestion(name, known) + "Else write web/templates/" + name + ".html, or remove the line"})
		}
	}
	if own, ok := r.Values[errorPage]; ok && r.Error != nil && typeOf(own) != typeOf(r.Error) {
		faults = append(faults, Fault{File: siteFile,
			Problem: fmt.Sprintf("Pages has a %T for %q, which gets a %T", own, errorPage, r.Error),
			Fix:     "set ErrorPage to a function that returns a value of the first type, or remove the line"})
	}
	for _, name := range slices.Sorted(maps.Keys(t.pages)) {
		if _, ok := r.Values[name]; !ok && r.Values != nil && name != errorPage {
			faults = append(faults, Fault{File: t.pages[name].file,
				Problem: fmt.Sprintf("Pages in %s has no %q, so c.HTML refuses the page", siteFile, name),
				Fix: fmt.Sprintf("add %q with a value of the type that c.HTML gets, such as page{}, or remove the file; what only "+
					"other templates call belongs in web/templates/partials/", name)})
		}
		faults = append(faults, r.fieldFaults(t.pages[name])...)
	}
	for _, name := range slices.Sorted(maps.Keys(t.shared)) {
		if t.pages[name] == nil {
			faults = append(faults, r.fieldFaults(t.shared[name])...)
		}
	}
	return faults.unique()
}

// fieldFaults returns a fault for each field that a page uses and its value lacks.
func (r *renderer) fieldFaults(s *set) Faults {
	value, ok := r.Values[s.name]
	if !ok && s.name == errorPage && r.Values != nil {
		value = r.Error
	}
	if value == nil || len(s.faults) > 0 {
		return nil
	}
	return checkFields(s, value, r.functions)
}

// typeOf returns the type of a page's value. A pointer counts as the type that it points to.
func typeOf(value any) reflect.Type {
	t := reflect.TypeOf(value)
	for t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t
}

// checkValue returns why a page must not be rendered with a value.
func (r *renderer) checkValue(name string, value any) error {
	want, ok := r.Values[name]
	switch {
	case r.Values == nil || !ok && name == errorPage:
		return nil
	case !ok:
		return fmt.Errorf("the page %q is not declared, so its fields were not checked: add %q: %s to Pages in %s%s",
			name, name, literal(value), siteFile, unchecked(value))
	case want != nil && typeOf(want) != typeOf(value):
		return fmt.Errorf("the page %q is declared for %T and got %T: pass a value of the first type, or write %q: %s in Pages in %s%s",
			name, want, value, name, literal(value), siteFile, unchecked(value))
	}
	return nil
}

// unchecked advises against a map such as gin.H, whose fields cannot be checked.
func unchecked(value any) string {
	if t := typeOf(value); t == nil || t.Kind() != reflect.Map {
		return ""
	}
	return "; better pass a struct: the fields of a map are not checked"
}

// literal returns Go code for a value of the same type, as it is written in package handlers.
func literal(value any) string {
	t := typeOf(value)
	if t == nil {
		return "nil"
	}
	name := regexp.MustCompile(`\b(handlers|main)\.`).ReplaceAllString(t.String(), "")
	switch t.Kind() {
	case reflect.Struct, reflect.Map, reflect.Slice, reflect.Array:
		return name + "{}"
	case reflect.String:
		return name + `("")`
	}
	return "*new(" + name + ")"
}

// Instance implements render.HTMLRender.
func (r *renderer) Instance(name string, data any) render.Render {
	return page{r, name, data}
}

// page renders one template once.
type page struct {
	*renderer
	name string
	data any
}

var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// Render implements render.Render.
func (p page) Render(w http.ResponseWriter) error {
	inject := func(*bytes.Buffer) {}
	if p.Overlay != nil {
		inject = p.Overlay()
	}
	s, err := p.find()
	if err != nil {
		return err
	}
	buf := buffers.Get().(*bytes.Buffer)
	defer buffers.Put(buf)
	buf.Reset()
	if s.html == nil {
		return fmt.Errorf("%s is empty", s.file)
	}
	if err := s.html.ExecuteTemplate(buf, s.entry, p.data); err != nil {
		return withTemplateLine(fmt.Errorf("rendering %s: %w", p.name, err))
	}
	inject(buf)
	p.WriteContentType(w)
	_, err = w.Write(buf.Bytes())
	return err
}

// find returns the page's set, or why it must not be rendered.
func (p page) find() (*set, error) {
	t := p.templates
	if t == nil {
		t = load(p.Files, p.functions)
	}
	s, err := t.get(p.name)
	if err != nil {
		return nil, err
	}
	if err := p.checkValue(p.name, p.data); err != nil {
		return nil, err
	}
	if p.templates == nil { // otherwise New has done it
		if faults := p.fieldFaults(s); len(faults) > 0 {
			return nil, faults
		}
	}
	return s, nil
}

// WriteContentType keeps a Content-Type that the handler has set, as gin does: a template may be a feed.
func (page) WriteContentType(w http.ResponseWriter) { render.HTML{}.WriteContentType(w) }

// templateError is an error at a line of a template.
type templateError struct {
	error
	file string
	line int
}

func (e *templateError) Unwrap() error { return e.error }

// Position returns the file and the line, for the development page.
func (e *templateError) Position() (file string, line int) { return e.file, e.line }

var executing = regexp.MustCompile(`template: (web/templates/[^:]+\.html):(\d+)`)

// withTemplateLine returns err as a templateError if its text names a line of a template, or else err.
func withTemplateLine(err error) error {
	m := executing.FindStringSubmatch(err.Error())
	if m == nil {
		return err
	}
	line, _ := strconv.Atoi(m[2])
	return &templateError{err, filepath.FromSlash(m[1]), line}
}
