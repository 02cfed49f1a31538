package main

import (
	"bytes"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"sync"

	"github.com/gin-gonic/gin/render"

	"example.com/turnkey/middleware"
)

// renderer renders a page whole before its first byte is sent, so that a template that fails is a clean 500 and not
// half a page (gin's own writes as it goes: gin-gonic/gin#456).
type renderer struct {
	files     fs.FS
	templates *template.Template // nil: parsed anew for each page
}

func newRenderer(files fs.FS, live bool) (*renderer, error) {
	if live {
		return &renderer{files: files}, nil // a template that does not parse should not stop the server
	}
	t, err := parseTemplates(files)
	return &renderer{files, t}, err
}

// functions are what templates can call beside those of html/template.
var functions = template.FuncMap{
	// {{asset "style.css"}} is where the visitor finds web/static/style.css.
	"asset": func(name string) string { return "/static/" + name },
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

func parseTemplates(files fs.FS) (*template.Template, error) {
	t, err := template.New("").Funcs(functions).ParseFS(files, "templates/*.html")
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
	t := p.templates
	if t == nil {
		var err error
		if t, err = parseTemplates(p.files); err != nil {
			return err
		}
	}
	buf := buffers.Get().(*bytes.Buffer)
	defer buffers.Put(buf)
	buf.Reset()
	if err := t.ExecuteTemplate(buf, p.name, p.data); err != nil {
		return fmt.Errorf("rendering %s: %w", p.name, err)
	}
	p.WriteContentType(w)
	_, err := w.Write(buf.Bytes())
	return err
}

var htmlContentType = []string{"text/html; charset=utf-8"}

func (page) WriteContentType(w http.ResponseWriter) { w.Header()["Content-Type"] = htmlContentType }
