package dev

import (
	"bytes"
	_ "embed"
	"fmt"
	"net/http"
	"path"
	"strconv"
	"sync"
	"time"

	"github.com/gin-gonic/gin"

	"example.com/turnkey/app/devlink"
	"example.com/turnkey/app/kit"
	"example.com/turnkey/middleware"
)

const (
	scriptPath = "/_dev/reload.js"
	eventsPath = "/_dev/events"
)

//go:embed overlay.js
var reloadScript []byte

// Overlay keeps the pages that are open in browsers up to date. Each event has the whole state, so a page that missed
// events (the laptop slept, the tab was in the background) is up to date after the next one. A nil *Overlay ignores
// what scripts/dev sends. It is safe for concurrent use.
type Overlay struct {
	process  string          // differs at each start, so that a page notices that another process answers
	stopping <-chan struct{} // closed when the server stops, which ends the streams

	mu       sync.Mutex
	state    state
	build    devlink.Problem // reported by scripts/dev
	template devlink.Problem // found by check
	check    func() error    // returns what is wrong with the templates; nil before Mount
	next     chan struct{}   // closed when the state changes, then replaced
}

// state is one event. A page remembers which version it shows.
type state struct {
	Process string           `json:"process"`
	Version int              `json:"version"` // counts edits
	Reload  int              `json:"reload"`  // the last version that needs a reload; later ones changed style sheets only
	Problem *devlink.Problem `json:"problem,omitempty"`
}

func newOverlay() *Overlay {
	return &Overlay{process: strconv.FormatInt(time.Now().UnixNano(), 36), next: make(chan struct{})}
}

// Mount registers the script and the stream of events. check returns what is wrong with the templates. stopping is
// closed when the server stops.
func (p *Overlay) Mount(r *gin.Engine, check func() error, stopping <-chan struct{}) {
	p.mu.Lock() // scripts/dev may already have sent an order
	defer p.mu.Unlock()
	p.check, p.stopping = check, stopping
	p.checkTemplates()
	r.GET(scriptPath, p.script)
	r.GET(eventsPath, p.events)
}

// QuietPaths returns the paths whose requests the access log leaves out.
func QuietPaths() []string { return []string{scriptPath, eventsPath} }

// changed records that files were edited.
func (p *Overlay) changed(files []string) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.checkTemplates()
	p.state.Version++
	for _, f := range files {
		if path.Ext(f) != ".css" {
			p.state.Reload = p.state.Version
		}
	}
	p.announce()
}

// report records a problem from scripts/dev. The zero value means that it is solved.
func (p *Overlay) report(build devlink.Problem) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.build = build
	p.announce()
}

// checkTemplates notes what is wrong with the templates as they are now. p.mu is locked.
func (p *Overlay) checkTemplates() {
	p.template = devlink.Problem{}
	if p.check == nil {
		return
	}
	if err := p.check(); err != nil {
		p.template = devlink.Problem{Title: "A template is broken", Text: err.Error()}
	}
}

// announce makes every stream send the state. p.mu is locked.
func (p *Overlay) announce() {
	close(p.next)
	p.next = make(chan struct{})
}

// current returns the state, and a channel that is closed when it changes.
func (p *Overlay) current() (state, <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	state := p.state
	state.Process = p.process
	for _, problem := range []devlink.Problem{p.template, p.build} {
		if problem.Title != "" {
			state.Problem = &problem
		}
	}
	return state, p.next
}

func (p *Overlay) script(c *gin.Context) {
	c.Header("Cache-Control", "no-store")
	c.Data(http.StatusOK, "text/javascript; charset=utf-8", reloadScript)
}

// events sends the state at once and after each change, until the page is closed or the server stops. Only this machine
// gets the text of a problem, because that shows paths and source.
func (p *Overlay) events(c *gin.Context) {
	if err := kit.Stream(c); err != nil {
		c.Error(err)
		return
	}
	for {
		state, next := p.current()
		if state.Problem != nil && !middleware.IsOwnMachine(c) {
			state.Problem = &devlink.Problem{Title: state.Problem.Title, Text: "The terminal with make dev shows why."}
		}
		if kit.Event(c, "", state) != nil {
			return
		}
		select {
		case <-next:
		case <-p.stopping:
			return
		case <-c.Request.Context().Done():
			return
		}
	}
}

// Begin returns a function that puts the script at the end of a page. Call it before the page is rendered: the script's
// address has the process and version of that moment, so the page notices an edit that comes before its stream begins.
// Text without </body>, a part of a page, gets no script.
func (p *Overlay) Begin() (inject func(page *bytes.Buffer)) {
	at, _ := p.current()
	return func(page *bytes.Buffer) {
		i := bytes.LastIndex(page.Bytes(), []byte("</body>"))
		if i < 0 {
			return
		}
		rest := string(page.Bytes()[i:])
		page.Truncate(i)
		fmt.Fprintf(page, "<script src=\"%s?%s.%d\" defer></script>\n%s", scriptPath, at.Process, at.Version, rest)
	}
}
