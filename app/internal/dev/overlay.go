package dev

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

	"example.com/turnkey/app/devlink"
	"example.com/turnkey/app/internal/pages"
	"example.com/turnkey/app/kit"
	"example.com/turnkey/middleware"
)

const (
	scriptPath = "/_dev/reload.js"
	eventsPath = "/_dev/events"
)

//go:embed overlay.js
var reloadScript []byte

// Overlay keeps the pages that are open in browsers up to date. All that it tells them is the present state, so a page
// that missed something (a laptop asleep, a tab in the background) is right again with the next line.
type Overlay struct {
	process  string          // of its own each start; it tells a page that another server answers now
	stopping <-chan struct{} // ends streams

	mu       sync.Mutex
	state    state
	build    devlink.Problem // what scripts/dev reports
	template devlink.Problem // of the templates
	check    func() error    // why templates cannot be parsed; nil before Mount
	woken    chan struct{}   // closed at each change
}

// state is one event. A page remembers which version it shows.
type state struct {
	Process string           `json:"process"`
	Version int              `json:"version"` // counts edits
	Reload  int              `json:"reload"`  // the last version that needs a new page; those after it need style sheets alone
	Problem *devlink.Problem `json:"problem,omitempty"`
}

func newOverlay() *Overlay {
	return &Overlay{process: strconv.FormatInt(time.Now().UnixNano(), 36), woken: make(chan struct{})}
}

// Mount registers the script and its events. check returns why the templates cannot be parsed, and stopping is closed when the
// server stops.
func (p *Overlay) Mount(r *gin.Engine, check func() error, stopping <-chan struct{}) {
	p.mu.Lock() // scripts/dev may have sent something already
	defer p.mu.Unlock()
	p.check, p.stopping = check, stopping
	r.GET(scriptPath, p.script)
	r.GET(eventsPath, p.events)
}

// QuietPaths are those whose requests are not worth a line in the log.
func QuietPaths() []string { return []string{scriptPath, eventsPath} }

// changed takes note of edited files.
func (p *Overlay) changed(files []string) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.template = devlink.Problem{}
	if p.check != nil {
		if err := p.check(); err != nil {
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

// report takes note of what scripts/dev reports.
func (p *Overlay) report(build devlink.Problem) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.build = build
	p.wake()
}

func templateProblem(err error) devlink.Problem {
	return devlink.Problem{Title: "A template is broken", Text: err.Error()}
}

func (p *Overlay) wake() {
	close(p.woken)
	p.woken = make(chan struct{})
}

func (p *Overlay) now() (state, <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	state := p.state
	state.Process = p.process
	for _, problem := range []devlink.Problem{p.template, p.build} {
		if problem.Title != "" {
			state.Problem = &problem
		}
	}
	return state, p.woken
}

func (p *Overlay) script(c *gin.Context) {
	c.Header("Cache-Control", "no-store")
	c.Data(http.StatusOK, "text/javascript; charset=utf-8", reloadScript)
}

// events is a stream of states, until the page is left or the server stops.
func (p *Overlay) events(c *gin.Context) {
	if err := kit.Stream(c); err != nil {
		c.Error(err)
		return
	}
	c.Header("Content-Type", "text/event-stream")
	c.Header("Cache-Control", "no-store")
	for {
		state, woken := p.now()
		if state.Problem != nil && !middleware.IsOwnMachine(c) {
			state.Problem = &devlink.Problem{Title: state.Problem.Title, Text: "The terminal with make dev says why."}
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

// Begin implements pages.Overlay.
func (p *Overlay) Begin() pages.Stamp {
	state, _ := p.now()
	return pages.Stamp{Process: state.Process, Version: state.Version}
}

// Inject puts the script at the end of a page. What has no </body> is a part of a page, which some script asked for.
// The script's address says which server made the page, and at which version, so that no edit falls between the page
// and its stream.
func (p *Overlay) Inject(page *bytes.Buffer, at pages.Stamp) {
	i := bytes.LastIndex(page.Bytes(), []byte("</body>"))
	if i < 0 {
		return
	}
	rest := string(page.Bytes()[i:])
	page.Truncate(i)
	fmt.Fprintf(page, "<script src=\"%s?%s.%d\" defer></script>\n%s", scriptPath, at.Process, at.Version, rest)
}

// Broken is the error page while no template can be parsed, that of errors neither: it says so, and comes back by
// itself.
func (p *Overlay) Broken(w http.ResponseWriter, err error) error {
	p.mu.Lock()
	p.template = templateProblem(err)
	p.mu.Unlock()
	page := bytes.NewBufferString("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n" +
		"<meta name=\"color-scheme\" content=\"light dark\">\n<title>A template is broken</title>\n</head>\n<body>\n</body>\n</html>\n")
	p.Inject(page, p.Begin())
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, err = w.Write(page.Bytes())
	return err
}
