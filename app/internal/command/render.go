package command

import (
	"bytes"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"path/filepath"
	"regexp"
	"strconv"
	"sync"

	"github.com/gin-gonic/gin/render"

	"example.com/turnkey/middleware"
)

// renderer renders a page whole before its first byte is sent, so that a template that fails is a clean 500 and not
// half a page (gin's own writes as it goes: gin-gonic/gin#456).
type renderer struct {
	files     fs.FS
	functions template.FuncMap
	templates *template.Template // nil: parsed anew for each page
	dev       *devPages          // nil outside `make dev`
}

func newRenderer(files fs.FS, assets *assets, live bool) (r *renderer, err error) {
	r = &renderer{files: files, functions: functions(assets)}
	if !live { // there, a template that does not parse should not stop the server
		r.templates, err = r.parse()
	}
	return r, err
}

// functions are what templates can call beside those of html/template.
func functions(assets *assets) template.FuncMap {
	return template.FuncMap{
		// {{asset "style.css"}} is where the visitor finds web/static/style.css.
		"asset": assets.url,
		// {{with invalid .Err "email"}}<p>E-mail {{.}}</p>{{end}} is what c.ShouldBind found wrong with a field.
		"invalid": func(err error, field string) string {
			for _, e := range middleware.FieldErrors(err) {
				if e.Pointer == "#/"+field {
					return e.Detail
				}
			}
			return ""
		},
	}
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
	at := p.dev.present()
	t := p.templates
	if t == nil {
		var err error
		if t, err = p.parse(); err != nil {
			if p.dev != nil && p.name == "error" {
				return p.dev.broken(w, err)
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
	p.dev.inject(buf, at)
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
