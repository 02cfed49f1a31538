package main

import (
	"bytes"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"sync"

	"github.com/gin-gonic/gin/render"
)

// renderer renders a page whole before its first byte is sent, so that a template that fails is a clean 500 and not
// half a page (gin's own writes as it goes: gin-gonic/gin#456).
type renderer struct {
	files     fs.FS
	templates *template.Template // nil: parsed anew for each page
	dev       *devPages          // nil outside `make dev`
}

func newRenderer(files fs.FS, live bool) (*renderer, error) {
	if live {
		return &renderer{files: files}, nil // a template that does not parse should not stop the server
	}
	t, err := parseTemplates(files)
	return &renderer{files: files, templates: t}, err
}

func parseTemplates(files fs.FS) (*template.Template, error) {
	t, err := template.ParseFS(files, "templates/*.html")
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
		if t, err = parseTemplates(p.files); err != nil {
			if p.dev != nil && p.name == "error" {
				return p.dev.broken(w, err)
			}
			return err
		}
	}
	buf := buffers.Get().(*bytes.Buffer)
	defer buffers.Put(buf)
	buf.Reset()
	if err := t.ExecuteTemplate(buf, p.name, p.data); err != nil {
		return fmt.Errorf("rendering %s: %w", p.name, err)
	}
	p.dev.inject(buf, at)
	p.WriteContentType(w)
	_, err := w.Write(buf.Bytes())
	return err
}

var htmlContentType = []string{"text/html; charset=utf-8"}

func (page) WriteContentType(w http.ResponseWriter) { w.Header()["Content-Type"] = htmlContentType }
