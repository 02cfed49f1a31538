package command

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"net/http"
	"path"
	"strconv"
	"sync"
	"time"

	"github.com/gin-gonic/gin"

	"example.com/turnkey/app/kit"
	"example.com/turnkey/middleware"
)

const (
	devScriptPath = "/_dev/reload.js"
	devEventsPath = "/_dev/events"
)

//go:embed devpages.js
var devScript []byte

// devPages keeps the pages that are open in browsers up to date. All that it tells them is the present state, so a page
// that missed something (a laptop asleep, a tab in the background) is right again with the next line.
type devPages struct {
	process  string          // of its own each start; it tells a page that another server answers now
	stopping <-chan struct{} // ends streams

	mu       sync.Mutex
	state    devState
	build    devProblem    // what scripts/dev reports
	template devProblem    // of the templates
	parse    func() error  // whether they can be parsed; nil while nobody knows
	woken    chan struct{} // closed at each change
}

// devState is one event. A page remembers which version it shows.
type devState struct {
	Process string      `json:"process"`
	Version int         `json:"version"` // counts edits
	Reload  int         `json:"reload"`  // the last version that needs a new page; those after it need style sheets alone
	Problem *devProblem `json:"problem,omitempty"`
}

func newDevPages() *devPages {
	return &devPages{process: strconv.FormatInt(time.Now().UnixNano(), 36), woken: make(chan struct{})}
}

// mount puts the script, its events, and what adds it to pages in place.
func (d *dev) mount(r *gin.Engine) {
	if d == nil || d.pages == nil {
		return
	}
	renderer := r.HTMLRender.(*renderer)
	renderer.dev = d.pages
	d.pages.mu.Lock() // scripts/dev may have something to tell already
	defer d.pages.mu.Unlock()
	d.pages.parse = func() error {
		if renderer.templates != nil {
			return nil
		}
		_, err := renderer.parse()
		return err
	}
	r.GET(devScriptPath, d.pages.script)
	r.GET(devEventsPath, d.pages.events)
}

// quiet are the paths whose requests are not worth a line in the log.
func (d *dev) quiet(probes []string) []string {
	if d == nil {
		return probes
	}
	return append([]string{devScriptPath, devEventsPath}, probes...)
}

// changed takes note of edited files.
func (p *devPages) changed(files []string) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.template = devProblem{}
	if p.parse != nil {
		if err := p.parse(); err != nil {
			p.template = templateProblem(err)
		}
	}
	p.state.Version++
	for _, f := range files {
		if path.Ext(f) != ".css" {
			p.state.Reload = p.state.Version
		}
	}
	p.wake()
}

// problem takes note of what scripts/dev reports.
func (p *devPages) problem(build devProblem) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.build = build
	p.wake()
}

func templateProblem(err error) devProblem {
	return devProblem{Title: "A template is broken", Text: err.Error()}
}

func (p *devPages) wake() {
	close(p.woken)
	p.woken = make(chan struct{})
}

func (p *devPages) now() (devState, <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	state := p.state
	state.Process = p.process
	for _, problem := range []devProblem{p.template, p.build} {
		if problem.Title != "" {
			state.Problem = &problem
		}
	}
	return state, p.woken
}

func (p *devPages) script(c *gin.Context) {
	c.Header("Cache-Control", "no-store")
	c.Data(http.StatusOK, "text/javascript; charset=utf-8", devScript)
}

// events is a stream of states, until the page is left or the server stops.
func (p *devPages) events(c *gin.Context) {
	if err := kit.Stream(c); err != nil {
		c.Error(err)
		return
	}
	c.Header("Content-Type", "text/event-stream")
	c.Header("Cache-Control", "no-store")
	for {
		state, woken := p.now()
		if state.Problem != nil && !middleware.IsOwnMachine(c) {
			state.Problem = &devProblem{state.Problem.Title, "The terminal with make dev says why."}
		}
		data, err := json.Marshal(state)
		if err != nil {
			return
		}
		if _, err := fmt.Fprintf(c.Writer, "data: %s\n\n", data); err != nil {
			return
		}
		c.Writer.Flush()
		select {
		case <-woken:
		case <-p.stopping:
			return
		case <-c.Request.Context().Done():
			return
		}
	}
}

// present is the state as a page is begun; what is edited meanwhile makes it an old one.
func (p *devPages) present() devState {
	if p == nil {
		return devState{}
	}
	state, _ := p.now()
	return state
}

// inject puts the script at the end of a page. What has no </body> is a part of a page, which some script asked for.
// The script's address says which server made the page, and at which version, so that no edit falls between the page
// and its stream.
func (p *devPages) inject(page *bytes.Buffer, at devState) {
	if p == nil {
		return
	}
	i := bytes.LastIndex(page.Bytes(), []byte("</body>"))
	if i < 0 {
		return
	}
	rest := string(page.Bytes()[i:])
	page.Truncate(i)
	fmt.Fprintf(page, "<script src=\"%s?%s.%d\" defer></script>\n%s", devScriptPath, at.Process, at.Version, rest)
}

// broken is the error page while no template can be parsed, that of errors neither: it says so, and comes back by
// itself.
func (p *devPages) broken(w http.ResponseWriter, err error) error {
	p.mu.Lock()
	p.template = templateProblem(err)
	p.mu.Unlock()
	page := bytes.NewBufferString("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n" +
		"<meta name=\"color-scheme\" content=\"light dark\">\n<title>A template is broken</title>\n</head>\n<body>\n</body>\n</html>\n")
	p.inject(page, p.present())
	w.Header()["Content-Type"] = htmlContentType
	_, err = w.Write(page.Bytes())
	return err
}
