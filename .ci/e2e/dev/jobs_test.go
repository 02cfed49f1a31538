//go:build unix

package dev

import (
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/turnkey/e2e/rig"
)

// lifeCode counts the visits of each visitor in a file of his own, and notes in another when the job of a process
// begins and ends and when the process closes what it opened.
const lifeCode = `package handlers

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/gin-gonic/gin"

	"example.com/turnkey/app/kit"
)

const edition = "edition 0"

func life(r *gin.Engine, server kit.Server) {
	process := rand.Text()
	note := func(what string) error {
		notes, err := os.OpenFile("data/notes", os.O_WRONLY|os.O_APPEND, 0)
		if err != nil {
			return err
		}
		defer notes.Close()
		_, err = fmt.Fprintln(notes, process, what)
		return err
	}
	server.OnStop(func(context.Context) error { return note("closes") })
	server.Go("count", func(ctx context.Context) error {
		if err := note("begins"); err != nil {
			return err
		}
		<-ctx.Done()
		time.Sleep(100 * time.Millisecond) // its last transaction
		return note("ends")
	})
	r.GET("/visit", kit.E(func(c *gin.Context) error {
		id := kit.Cookie(c, "visitor")
		if id == "" {
			id = rand.Text()
			kit.SetCookie(c, "visitor", id, 0)
		}
		file := filepath.Join("data", filepath.Base(id))
		visits, _ := os.ReadFile(file)
		visits = append(visits, '.')
		if err := os.WriteFile(file+".new", visits, 0o600); err != nil {
			return err
		}
		if err := os.Rename(file+".new", file); err != nil {
			return err
		}
		c.String(200, "%d visits, %s, %s", len(visits), process, edition)
		return nil
	}))
}
`

// TestFiftyEditsLoseNoVisitAndRunOneJobAtATime edits .env, and .go files now and then, while a visitor who has signed
// in comes again and again.
func TestFiftyEditsLoseNoVisitAndRunOneJobAtATime(t *testing.T) {
	w := open(t, "HSTS=max-age=0\nLOG_LEVEL=warn\n", func(w *workshop) {
		w.write("data/notes", "")
		w.write("handlers/life.go", lifeCode)
		w.edit("handlers/routes.go", benchRoutes, benchRoutes+"\tlife(r, server)\n")
	})
	w.eventually("a page", func() bool { status, _ := w.get("/visit"); return status == 200 })
	v := w.visitor()
	begin := time.Now()
	const edits = 50
	edition := 0
	for n := 1; n <= edits; n++ {
		if n%20 == 0 {
			w.edit("handlers/life.go", fmt.Sprint("edition ", edition), fmt.Sprint("edition ", n))
			edition = n
		}
		w.edit(".env", fmt.Sprint("max-age=", n-1), fmt.Sprint("max-age=", n))
		shown := fmt.Sprintf("edition %d, max-age=%d", edition, n)
		w.eventually(shown, func() bool { return strings.HasSuffix(v.seen(), shown) })
		if n%5 == 0 { // the other edits come while earlier processes still end
			w.eventually("its job", func() bool {
				running, _ := w.jobs()
				return running != "" && strings.Contains(v.seen(), running)
			})
		}
	}
	took := time.Since(begin)
	visits := v.leave()
	w.interrupt()
	select {
	case <-w.ended:
	case <-time.After(patience):
		t.Fatal("make dev still runs")
	}
	running, begun := w.jobs()
	if running != "" || begun < edits/5 {
		t.Errorf("%d jobs began, want %d; %q runs after the end", begun, edits/5, running)
	}
	t.Logf("%d visits and %d jobs during %d edits in %s", visits, begun, edits, took.Round(time.Second))
}

// jobs reads the notes. It returns which process's job runs, and how many jobs have begun.
func (w *workshop) jobs() (running string, begun int) {
	w.t.Helper()
	notes := string(rig.Read(w.t, w.path("data/notes")))
	last := ""
	for line := range strings.Lines(notes) {
		process, what, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch {
		case what == "begins" && running == "" && last == "":
			running, last, begun = process, process, begun+1
		case what == "ends" && running == process:
			running = ""
		case what == "closes" && running != process:
			if last == process {
				last = ""
			}
		default:
			w.t.Fatalf("%s %s, out of turn:\n%s", process, what, notes)
		}
	}
	return running, begun
}

const email = "ada@site.test"

// visitor has an account, and comes again and again.
type visitor struct {
	stop, left chan struct{}

	mu     sync.Mutex
	last   string
	visits int
}

func (w *workshop) visitor() *visitor {
	v := &visitor{stop: make(chan struct{}), left: make(chan struct{})}
	c := client(false)
	c.Jar, _ = cookiejar.New(nil)
	resp, err := c.PostForm(w.url("/register"), url.Values{"email": {email}, "password": {"four words of mine"}})
	if err != nil || resp.StatusCode != 303 {
		w.t.Fatalf("registering got %+v %v", resp, err)
	}
	resp.Body.Close()
	go func() {
		defer close(v.left)
		defer c.CloseIdleConnections()
		for {
			select {
			case <-v.stop:
				return
			case <-time.After(10 * time.Millisecond):
			}
			if got, ok := v.visit(c, w.url("/visit")); !ok {
				w.t.Errorf("visit %d got %s", v.visits+1, got)
				return
			}
			if status, page := ask(c, w.url("/account")); status != 200 || !strings.Contains(page, "signed in as "+email) {
				w.t.Errorf("after visit %d the account is answered with %d:\n%s", v.visits, status, page)
				return
			}
		}
	}()
	w.t.Cleanup(func() { v.leave() })
	return v
}

// visit returns false if the visit is not counted as the one after the last.
func (v *visitor) visit(c *http.Client, url string) (got string, ok bool) {
	resp, err := c.Get(url)
	if err != nil {
		return err.Error(), false
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	got = fmt.Sprintf("%s, %s", body, resp.Header.Get("Strict-Transport-Security"))
	v.mu.Lock()
	defer v.mu.Unlock()
	v.last, v.visits = got, v.visits+1
	return got, err == nil && strings.HasPrefix(got, fmt.Sprintf("%d visits, ", v.visits))
}

// ask returns the status 0 without an answer.
func ask(c *http.Client, url string) (status int, body string) {
	resp, err := c.Get(url)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err.Error()
	}
	return resp.StatusCode, string(text)
}

func (v *visitor) seen() string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.last
}

// leave returns the number of visits.
func (v *visitor) leave() int {
	select {
	case <-v.stop:
	default:
		close(v.stop)
	}
	<-v.left
	return v.visits
}
