// Package pages renders templates and serves static files. In production both are prepared at the start, from the files
// in the binary. In development both are read from a folder at each request.
//
// A page is rendered whole before its first byte is sent, so a template that fails is a clean error. The package knows
// no routes, settings or data of the site: it must not import handlers, web, app/settings or app/internal/server. What
// `make dev` adds to pages comes through the interface Overlay.
package pages

import (
	"bytes"
	"html/template"
	"io/fs"
	"net/http"

	"github.com/gin-gonic/gin"
	"github.com/gin-gonic/gin/render"
)

// Options are what pages are made of.
type Options struct {
	Files     fs.FS            // has the folders templates and static
	Live      bool             // read Files at each request; New then does not fail for a broken template
	Functions template.FuncMap // for templates, beside asset and invalid; may be nil
	Overlay   Overlay          // of `make dev`; nil: none
}

// Overlay is what `make dev` adds to pages. Its methods are called from several goroutines at once.
type Overlay interface {
	// Begin is called before a page is rendered. Its result is for Inject.
	Begin() Stamp
	// Inject adds to a rendered page.
	Inject(page *bytes.Buffer, at Stamp)
	// Broken writes an error page that needs no template, while the templates cannot be parsed.
	Broken(w http.ResponseWriter, err error) error
}

// Stamp is the state of the files when the rendering of a page begins. It shows whether a file was edited during that.
type Stamp struct {
	Process string
	Version int
}

// Pages are the templates and static files of a site. They are safe for concurrent use.
type Pages struct {
	renderer *renderer
	assets   *assets
}

// New prepares pages. If they are not live, it parses every template, and reads and compresses every static file. It
// returns why that failed.
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

// Renderer returns what gin needs for c.HTML.
func (p *Pages) Renderer() render.HTMLRender { return p.renderer }

// ServeStatic is the handler of /static/*file.
func (p *Pages) ServeStatic(c *gin.Context) { p.assets.serve(c) }

// Check returns why live templates cannot be parsed at this moment, or nil.
func (p *Pages) Check() error {
	if p.renderer.templates != nil {
		return nil
	}
	_, err := p.renderer.parse()
	return err
}
