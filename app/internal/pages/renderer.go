package pages

import (
	"bytes"
	"fmt"
	"html/template"
	"io/fs"
	"maps"
	"net/http"
	"path/filepath"
	"regexp"
	"strconv"
	"sync"

	"github.com/gin-gonic/gin/render"

	"example.com/turnkey/middleware/input"
)

// renderer renders a page whole before its first byte is sent. A template that fails is then a clean 500, and not half
// a page. gin's own renderer writes while it renders (gin-gonic/gin#456).
type renderer struct {
	files     fs.FS
	functions template.FuncMap
	templates *template.Template // nil: they are parsed for each page
	overlay   Overlay            // nil: none
}

// functions returns those that templates can call beside html/template's own. A function of the site's owner replaces
// one of the same name.
func functions(assets *assets, own template.FuncMap) template.FuncMap {
	all := template.FuncMap{
		// {{asset "style.css"}} is the URL path of web/static/style.css.
		"asset": assets.url,
		// {{with invalid .Err "email"}}<p>E-mail {{.}}</p>{{end}} is what kit.Bind found wrong with a field.
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

func (r *renderer) parse() (*template.Template, error) {
	t, err := template.New("").Funcs(r.functions).ParseFS(r.files, "templates/*.html")
	if err != nil {
		return nil, fmt.Errorf("parsing templates: %w", err)
	}
	return t, nil
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
	var at Stamp
	if p.overlay != nil {
		at = p.overlay.Begin()
	}
	t := p.templates
	if t == nil {
		var err error
		if t, err = p.parse(); err != nil {
			if p.overlay != nil && p.name == "error" {
				return p.overlay.Broken(w, err)
			}
			return withTemplateLine(err)
		}
	}
	buf := buffers.Get().(*bytes.Buffer)
	defer buffers.Put(buf)
	buf.Reset()
	if err := t.ExecuteTemplate(buf, p.name, p.data); err != nil {
		return withTemplateLine(fmt.Errorf("rendering %s: %w", p.name, err))
	}
	if p.overlay != nil {
		p.overlay.Inject(buf, at)
	}
	p.WriteContentType(w)
	_, err := w.Write(buf.Bytes())
	return err
}

var htmlContentType = []string{"text/html; charset=utf-8"}

func (page) WriteContentType(w http.ResponseWriter) { w.Header()["Content-Type"] = htmlContentType }

// templateError is an error at a line of a template.
type templateError struct {
	error
	file string
	line int
}

func (e *templateError) Unwrap() error { return e.error }

// Position returns the file and the line, for the development page.
func (e *templateError) Position() (file string, line int) { return e.file, e.line }

var templateLine = regexp.MustCompile(`template: ([^:/]+\.html):(\d+)`)

// withTemplateLine returns err as a templateError if its text names a line of a template, or else err.
func withTemplateLine(err error) error {
	m := templateLine.FindStringSubmatch(err.Error())
	if m == nil {
		return err
	}
	line, _ := strconv.Atoi(m[2])
	return &templateError{err, filepath.Join("web", "templates", m[1]), line}
}
