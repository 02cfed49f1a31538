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

// renderer renders a page whole before its first byte is sent, so that a template that fails is a clean 500 and not
// half a page (gin's own writes as it goes: gin-gonic/gin#456).
type renderer struct {
	files     fs.FS
	functions template.FuncMap
	templates *template.Template // nil: parsed anew for each page
	overlay   Overlay            // nil: none
}

// functions are those that templates can call beside html/template's own. Those of the site's owner win.
func functions(assets *assets, own template.FuncMap) template.FuncMap {
	all := template.FuncMap{
		// {{asset "style.css"}} is where the visitor finds web/static/style.css.
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

func (r *renderer) Instance(name string, data any) render.Render {
	return page{r, name, data}
}

// page is one rendering.
type page struct {
	*renderer
	name string
	data any
}

var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

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
			return located(err)
		}
	}
	buf := buffers.Get().(*bytes.Buffer)
	defer buffers.Put(buf)
	buf.Reset()
	if err := t.ExecuteTemplate(buf, p.name, p.data); err != nil {
		return located(fmt.Errorf("rendering %s: %w", p.name, err))
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

// templateError is one that names a line of a template.
type templateError struct {
	error
	file string
	line int
}

func (e *templateError) Unwrap() error                     { return e.error }
func (e *templateError) Position() (file string, line int) { return e.file, e.line }

var templateLine = regexp.MustCompile(`template: ([^:/]+\.html):(\d+)`)

func located(err error) error {
	m := templateLine.FindStringSubmatch(err.Error())
	if m == nil {
		return err
	}
	line, _ := strconv.Atoi(m[2])
	return &templateError{err, filepath.Join("web", "templates", m[1]), line}
}
