// Package pages renders templates and serves static files. In production both are prepared at the start, from the files
// in the binary. In development both are read from a folder at each request.
//
// The same rule decides in both which files belong to the site (files.go). Each page is a set of templates of its own
// (set.go). A page is rendered whole before its first byte is sent, so a template that fails is a clean error. The
// fields that a page uses are checked beforehand, against the type of its value (fields.go).
//
// The package must not import handlers, web or app/internal/server. `make dev` adds to pages through Options.Overlay.
package pages

import (
	"bytes"
	"context"
	"html/template"
	"io/fs"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/gin-gonic/gin/render"
)

// Options are the settings of New.
type Options struct {
	Files     fs.FS            // may have the folders templates, static and root
	Live      bool             // read Files at each request; New then does not fail for a broken template
	Functions template.FuncMap // for templates, beside asset and invalid; may be nil

	// Overlay is that of `make dev`. It is called before a page is rendered, from several goroutines at once, and
	// returns a function that adds to the page. nil: nothing is added.
	Overlay func() (inject func(page *bytes.Buffer))

	// Values has, by the name of each page, a value of the type that it is rendered with; a nil value stands for every
	// type. Other pages and other types are then refused. Nil: nothing is checked.
	Values map[string]any
	// Error is a value of the type that the page "error" is rendered with unless Values has one. Nil: not known.
	Error any
}

// Pages are the templates and files of a site. They are safe for concurrent use.
type Pages struct {
	renderer     *renderer
	static, root *assets
}

// New prepares pages. If they are not live, it parses every template and reads every file. It returns
// why that failed, as Faults where a template is wrong.
func New(o Options) (*Pages, error) {
	static, err := newAssets(o.Files, staticFolder, o.Live)
	if err != nil {
		return nil, err
	}
	root, err := newAssets(o.Files, rootFolder, o.Live)
	if err != nil {
		return nil, err
	}
	r := &renderer{Options: o, functions: functions(static, o.Functions)}
	if !o.Live {
		r.templates = load(o.Files, r.functions)
		if faults := r.faults(r.templates); len(faults) > 0 {
			return nil, faults
		}
	}
	return &Pages{r, static, root}, nil
}

// compressAfter is how long the first requests after a start have the processor for themselves.
const compressAfter = 100 * time.Millisecond

// Compress compresses the static files until ctx is done, so that no visitor waits for that. A file that is asked for
// before its turn is compressed at once.
func (p *Pages) Compress(ctx context.Context) {
	select {
	case <-time.After(compressAfter):
	case <-ctx.Done():
	}
	for _, of := range []*assets{p.static, p.root} {
		for _, a := range of.loaded {
			if ctx.Err() != nil {
				return
			}
			a.gzip()
		}
	}
}

// Renderer returns what gin needs for c.HTML.
func (p *Pages) Renderer() render.HTMLRender { return p.renderer }

// Builds marks web/static/folder as the output of a front-end tool (Vite), whose hashed names browsers may cache. It
// reports whether the folder has an index.html. Call it before anything is served.
func (p *Pages) Builds(folder string) bool {
	p.static.built = append(p.static.built, folder+"/assets/")
	found, _ := p.static.find(folder + "/index.html")
	return found != nil
}

// ServeFile answers with a file of web/static, and reports whether there is one.
func (p *Pages) ServeFile(c *gin.Context, name string) bool {
	found, err := p.static.find(name)
	if err != nil {
		c.Error(err)
	} else if found != nil {
		p.static.send(c, name, found)
	}
	return err != nil || found != nil
}

// Check returns what is wrong with live templates at this moment, as Faults, or nil.
func (p *Pages) Check() error {
	if p.renderer.templates != nil {
		return nil
	}
	if faults := p.renderer.faults(load(p.renderer.Files, p.renderer.functions)); len(faults) > 0 {
		return faults
	}
	return nil
}
