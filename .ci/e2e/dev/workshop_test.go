//go:build unix

// Package dev runs `make dev` in a fresh clone and edits files. It checks the server's responses, the events that pages
// get, and what the terminal and a real browser show.
package dev

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"example.com/turnkey/e2e/rig"
)

func TestMain(m *testing.M) { rig.Main(m) }

// patience is long because the machine is busy with other tests. figures.txt has the real times.
const patience = time.Minute

// workshop is a clone with a running make dev.
type workshop struct {
	t     *testing.T
	dir   string
	https int
	http  int
	cmd   *exec.Cmd
	out   rig.Buffer

	command []string
	env     []string // in addition to that of rig.Stranger
	ended   chan struct{}
	once    *http.Client // a new connection each time
}

// The page that the tests edit. It is their own, so that an owner can change all pages of the site.
const (
	page, template, code, styles = "/bench", "web/templates/bench.html", "handlers/bench.go", "web/static/style.css"

	benchTemplate = `{{define "content"}}
<h1>At the bench</h1>
<p><input id="typed" aria-label="typed"> <b id="mark">mark 0</b> <b id="code">{{.Code}}</b></p>
{{end}}
`
	benchCode = `package handlers

import "github.com/gin-gonic/gin"

type benchPage struct {
	page
	Code string
}

func bench(c *gin.Context) {
	c.HTML(200, "bench", benchPage{newPage(c, "Bench"), "code 0"})
}

func crash(c *gin.Context) { go panic("no milk today") }
`
	benchRoutes = "func Routes(r *gin.Engine, server kit.Server) error {\n"
	benchPages  = "\tPages: map[string]any{\n"
)

// open clones the project, adds the page, and starts make dev with two free ports and these settings in .env.
func open(t *testing.T, settings string, prepare ...func(*workshop)) *workshop {
	t.Helper()
	w := &workshop{t: t, command: []string{"make", "dev"}, dir: rig.Clone(t), https: rig.Port(t), http: rig.Port(t), ended: make(chan struct{}), once: client(true)}
	w.write(".env", fmt.Sprintf("HTTPS_ADDR=localhost:%d\nHTTP_ADDR=localhost:%d\n%s", w.https, w.http, settings))
	w.write(template, benchTemplate)
	w.write(code, benchCode)
	w.edit("handlers/routes.go", benchRoutes, benchRoutes+"\tr.GET(\""+page+"\", bench)\n\tr.GET(\"/crash\", crash)\n")
	w.edit("handlers/site.go", benchPages, benchPages+"\t\t\"bench\": benchPage{},\n")
	for _, do := range prepare {
		do(w)
	}
	w.cmd = exec.Command(w.command[0], w.command[1:]...)
	w.cmd.Dir, w.cmd.Env = w.dir, append(rig.Stranger(t, t.TempDir(), "CI=1"), w.env...)
	w.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C reaches a whole group
	w.cmd.Stdout, w.cmd.Stderr = &w.out, &w.out
	w.cmd.WaitDelay = time.Second
	if err := w.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { w.cmd.Wait(); close(w.ended) }()
	t.Cleanup(func() {
		syscall.Kill(-w.cmd.Process.Pid, syscall.SIGINT)
		select {
		case <-w.ended:
		case <-time.After(10 * time.Second):
			t.Error("make dev does not end")
		}
		syscall.Kill(-w.cmd.Process.Pid, syscall.SIGKILL) // kills the processes that are left
		if t.Failed() {
			t.Logf("make dev printed:\n%s", &w.out)
		}
		for _, never := range []string{"DATA RACE", "PRIVATE KEY"} {
			if strings.Contains(w.out.String(), never) {
				t.Errorf("make dev printed %q", never)
			}
		}
	})
	return w
}

// serve is open that waits until the first page is served.
func serve(t *testing.T, settings string) *workshop {
	t.Helper()
	w := open(t, settings)
	w.eventually("a page", func() bool { status, body := w.get(page); return status == 200 && strings.Contains(body, "</html>") })
	return w
}

func client(once bool) *http.Client {
	return &http.Client{Timeout: 20 * time.Second,
		Transport:     &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: true, DisableKeepAlives: once},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

func (w *workshop) url(path string) string {
	return fmt.Sprintf("https://localhost:%d%s", w.https, path)
}

// get requests a page as a browser does. The status is 0 if there is no response.
func (w *workshop) get(path string) (status int, body string) {
	resp, body, err := w.ask(path)
	if err != nil {
		return 0, err.Error()
	}
	return resp.StatusCode, body
}

func (w *workshop) ask(path string) (*http.Response, string, error) {
	req, err := http.NewRequest("GET", w.url(path), nil)
	if err != nil {
		return nil, "", err
	}
	req.Header.Set("Accept", "text/html")
	resp, err := w.once.Do(req)
	if err != nil {
		return nil, "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return resp, string(body), err
}

func (w *workshop) eventually(what string, ok func() bool) {
	w.t.Helper()
	rig.Eventually(w.t, patience, what, func() bool {
		select {
		case <-w.ended:
			w.t.Fatalf("make dev ended instead of: %s", what)
		default:
		}
		return ok()
	})
}

func (w *workshop) path(file string) string { return filepath.Join(w.dir, filepath.FromSlash(file)) }

func (w *workshop) write(file, text string) {
	w.t.Helper()
	rig.Write(w.t, w.path(file), []byte(text), 0o644)
}

// edit replaces a text in a file, which must contain it.
func (w *workshop) edit(file, old, text string) {
	w.t.Helper()
	before := string(rig.Read(w.t, w.path(file)))
	if !strings.Contains(before, old) {
		w.t.Fatalf("there is no %q in %s", old, file)
	}
	w.write(file, strings.Replace(before, old, text, 1))
}

// interrupt sends what Ctrl-C sends.
func (w *workshop) interrupt() { syscall.Kill(-w.cmd.Process.Pid, syscall.SIGINT) }

// processes are the ids of the processes that run a binary of the clone, by the binary's name.
func (w *workshop) processes() map[string][]int {
	out := map[string][]int{}
	links, _ := filepath.Glob("/proc/[0-9]*/exe")
	for _, link := range links {
		exe, err := os.Readlink(link)
		if rest, ok := strings.CutPrefix(exe, w.dir+"/"); ok && err == nil {
			var pid int
			fmt.Sscanf(link, "/proc/%d/exe", &pid)
			name := strings.TrimSuffix(rest, " (deleted)")
			out[name] = append(out[name], pid)
		}
	}
	return out
}

func (w *workshop) listening() bool {
	conn, err := net.DialTimeout("tcp", rig.Loopback(w.https), time.Second)
	if err != nil {
		return false
	}
	conn.Close()
	return true
}

// state is an event that pages get.
type state struct {
	Process         string
	Version, Reload int
	Problem         struct{ Title, Text string }
}

// stream is the event stream of an open page. It reconnects when it ends, as browsers do.
type stream struct {
	w  *workshop
	mu sync.Mutex
	st state
	n  int
}

func (w *workshop) stream() *stream {
	w.t.Helper()
	s := &stream{w: w}
	ctx, stop := context.WithCancel(w.t.Context())
	done := make(chan struct{})
	c := client(false)
	c.Timeout = 0
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			s.read(ctx, c)
			select {
			case <-ctx.Done():
			case <-time.After(50 * time.Millisecond):
			}
		}
	}()
	w.t.Cleanup(func() { stop(); <-done; c.CloseIdleConnections() })
	s.await("its first event", func(state) bool { return true })
	return s
}

func (s *stream) read(ctx context.Context, c *http.Client) {
	req, err := http.NewRequestWithContext(ctx, "GET", s.w.url("/_dev/events"), nil)
	if err != nil {
		return
	}
	resp, err := c.Do(req)
	if err != nil {
		return
	}
	defer resp.Body.Close()
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
			var st state
			if json.Unmarshal([]byte(data), &st) == nil {
				s.mu.Lock()
				s.st, s.n = st, s.n+1
				s.mu.Unlock()
			}
		}
	}
}

func (s *stream) now() (st state, events int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.st, s.n
}

// await waits for a state and returns it.
func (s *stream) await(what string, ok func(state) bool) (st state) {
	s.w.t.Helper()
	s.w.eventually(what, func() bool {
		var n int
		st, n = s.now()
		return n > 0 && ok(st)
	})
	return st
}
