// Package pages renders templates and serves static files: from the binary, prepared at the start, or live from a folder, read
// anew at each request.
package pages

import (
	"bytes"
	"html/template"
	"io/fs"
	"net/http"

	"github.com/gin-gonic/gin"
	"github.com/gin-gonic/gin/render"
)

// Options say what pages are made of.
type Options struct {
	Files     fs.FS            // with the folders templates and static
	Live      bool             // read Files at each request: an edit shows at the next one, and a broken template stops no start
	Functions template.FuncMap // beside asset and invalid
	Overlay   Overlay          // of `make dev`; nil: none
}

// Overlay adds to pages what development shows in them.
type Overlay interface {
	// Begin is called before a page is rendered. Its result is given to Inject.
	Begin() Stamp
	// Inject adds to a rendered page.
	Inject(page *bytes.Buffer, at Stamp)
	// Broken writes an error page without templates, while they cannot be parsed.
	Broken(w http.ResponseWriter, err error) error
}

// Stamp is the state of the files as a page is begun, so that an edit while it is rendered is noticed.
type Stamp struct {
	Process string
	Version int
}

// Pages is safe for concurrent use.
type Pages struct {
	renderer *renderer
	assets   *assets
}

// New prepares pages. Unless they are live, every template is parsed and every static file is read and compressed.
func New(o Options) (*Pages, error) {
	a, err := newAssets(o.Files, o.Live)
	if err != nil {
		return nil, err
	}
	r := &renderer{files: o.Files, functions: functions(a, o.Functions), overlay: o.Overlay}
	if !o.Live {
		if r.templates, err = r.parse(); err != nil {
			return nil, err
		}
	}
	return &Pages{r, a}, nil
}

// Renderer renders templates for c.HTML.
func (p *Pages) Renderer() render.HTMLRender { return p.renderer }

// ServeStatic is the handler of /static/*file.
func (p *Pages) ServeStatic(c *gin.Context) { p.assets.serve(c) }

// Check returns why the templates cannot be parsed as they are now.
func (p *Pages) Check() error {
	if p.renderer.templates != nil {
		return nil
	}
	_, err := p.renderer.parse()
	return err
}
