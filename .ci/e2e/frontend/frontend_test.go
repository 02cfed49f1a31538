//go:build unix

// Package frontend makes a front end in a clone with the real npm and Vite, from the lines that the README gives, works
// on it under make dev in a real browser, and serves it as visitors get it.
package frontend

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/turnkey/e2e/rename/clone"
	"example.com/turnkey/e2e/rig"
)

func TestMain(m *testing.M) { rig.Main(m) }

const (
	patience = time.Minute // for a machine that does much else
	source   = "web/app/src/App.tsx"
	heading  = "Get started" // of Vite's template
	picture  = "../artifacts/frontend-%s.png"
)

func TestAFrontEndOfVite(t *testing.T) {
	p := clone.Of(t, clone.Root(t))
	p.Replace(t, "handlers/routes.go", "\treturn nil", p.Vite(t)+"\treturn nil")
	// npm packages may hold Go files.
	rig.Write(t, filepath.Join(p.Dir, "web", "app", "node_modules", "broken", "broken.go"), []byte("no Go"), 0o644)

	follows(t, p)
	p.Run(t, "make build")
	if out := p.Run(t, "git status --porcelain -uall"); strings.Contains(out, "node_modules") || strings.Contains(out, "web/static") {
		t.Errorf("git is asked to keep what was built or installed:\n%s", out)
	}
	p.Run(t, "go list ./... && make -n lint | sed -n '/gofmt/,/exit 1/p' | sh")
	isServed(t, p)
}

// follows works on the page under make dev.
func follows(t *testing.T, p *clone.Project) {
	dev := develop(t, p)
	b := rig.Browser(t, nil, filepath.Join(p.Home, ".local", "share", "turnkey", "root.pem"))
	b.Visit(t, dev.url, "")
	press(t, b)
	p.Replace(t, source, heading, "Hot as promised")
	b.Await(t, "the edited heading", "document.querySelector('h1').textContent == 'Hot as promised'")
	b.Await(t, "the same page, with what was done in it", "window.same && document.querySelector('button').textContent.includes('1')")
	b.RefusesNothing(t)
	b.Picture(t, fmt.Sprintf(picture, "dev"))

	// The site's own code follows edits too: another process answers, and the page finds Vite through it.
	rig.Write(t, filepath.Join(p.Dir, ".env"), []byte("LOG_LEVEL=info\n"), 0o644)
	b.Await(t, "the page of the new process", "!window.same && document.querySelector('h1')?.textContent == 'Hot as promised'")
	press(t, b)
	p.Replace(t, source, "Hot as promised", heading)
	b.Await(t, "the heading as it was, in the same page", "window.same && document.querySelector('h1').textContent == '"+heading+"'")

	dev.Signal(t, syscall.SIGTERM)
	if status := dev.ExitCode(t, patience); status != 0 || len(vites(p)) > 0 || strings.Contains(dev.Stdout(), "still open") {
		t.Errorf("make dev ended with %d, and left %v:\n%s", status, vites(p), dev.Stdout())
	}

	dev = develop(t, p)
	for _, vite := range vites(p) {
		syscall.Kill(vite, syscall.SIGTERM)
	}
	rig.Eventually(t, patience, "the end of Vite", func() bool { return len(vites(p)) == 0 })
	b.Visit(t, dev.url, "502 Bad Gateway")
	b.Await(t, "why", "document.querySelector('h1').textContent.includes('the front end in web/app does not answer')")
	b.Picture(t, fmt.Sprintf(picture, "ended"))
	dev.Signal(t, syscall.SIGTERM)
	dev.ExitCode(t, patience)

	// Even where make dev is killed, Vite ends.
	dev = develop(t, p)
	dev.Signal(t, syscall.SIGKILL)
	rig.Eventually(t, patience, "the end of Vite", func() bool { return len(vites(p)) == 0 })
}

// vites returns the processes that run in the project's front end.
func vites(p *clone.Project) (pids []int) {
	out, _ := exec.Command("pgrep", "-f", p.Dir+"/web/app/node_modules").Output() // fails where there is none
	for text := range strings.FieldsSeq(string(out)) {
		var pid int
		fmt.Sscan(text, &pid)
		pids = append(pids, pid)
	}
	return pids
}

// development is make dev, with an address of the front end.
type development struct {
	*rig.Process
	url string
}

// develop starts what make dev runs, and returns when Vite answers.
func develop(t *testing.T, p *clone.Project) development {
	t.Helper()
	https, plain := rig.Port(t), rig.Port(t)
	p.Run(t, "go build -o bin/scripts/dev ./scripts/dev")
	dev := development{rig.Spawn(t, rig.Command{Path: filepath.Join(p.Dir, "bin", "scripts", "dev"), Dir: p.Dir,
		Env: append(p.Env[:len(p.Env):len(p.Env)], "HTTPS_ADDR="+rig.Loopback(https), "HTTP_ADDR="+rig.Loopback(plain))}),
		fmt.Sprintf("https://localhost:%d/orders/7", https)}
	dev.WaitForPort(t, rig.Loopback(https))
	m := regexp.MustCompile(`web/app: npm run dev, on port (\d+) of 127\.0\.0\.1`).FindStringSubmatch(dev.Stdout())
	if m == nil {
		t.Fatalf("make dev does not say that Vite runs:\n%s", dev.Stdout())
	}
	var port int
	fmt.Sscan(m[1], &port)
	dev.WaitForPort(t, rig.Loopback(port))
	return dev
}

// isServed serves what was built as visitors get it, and looks at it in a browser.
func isServed(t *testing.T, p *clone.Project) {
	live := p.Deploy(t)
	live.Start(t)
	b := rig.Browser(t, live.Sites, live.Root)
	b.Visit(t, "https://shop.test/orders/7", "")
	press(t, b)
	b.Await(t, "every picture", "document.images.length > 2 && [...document.images].every(i => i.naturalWidth > 0)")
	b.RefusesNothing(t)
	b.Picture(t, fmt.Sprintf(picture, "built"))

	visitor := rig.Visitor(live.CA.Pool())
	at := fmt.Sprintf("https://shop.test:%d", live.HTTPS)
	document := rig.Ask(t, visitor, rig.Request{URL: at + "/orders/7", Header: []string{"Accept", "text/html"}})
	if csp := document.Header.Get("Content-Security-Policy"); strings.Contains(csp, "unsafe") || strings.Contains(csp, "data:") || csp == "" {
		t.Errorf("the policy of the built page is %q", csp)
	}
	script := regexp.MustCompile(`src="(/static/app/assets/[^"]+\.js)"`).FindStringSubmatch(document.Body)
	if script == nil || document.Header.Get("Cache-Control") != "no-cache" {
		t.Fatalf("the page may be kept as %q, and is\n%s", document.Header.Get("Cache-Control"), document.Body)
	}
	answer := rig.Ask(t, visitor, rig.Request{URL: at + script[1], Header: []string{"Accept-Encoding", "gzip"}})
	if cache, is := answer.Header.Get("Cache-Control"), answer.Header.Get("Content-Encoding"); !strings.Contains(cache, "immutable") || is != "gzip" {
		t.Errorf("%s may be kept as %q, with the encoding %q", script[1], cache, is)
	}
	if icons := rig.Get(t, visitor, at+"/icons.svg"); icons.StatusCode != 200 {
		t.Errorf("a file of public answers %s", icons.Status)
	}
}

// press counts up in the page, and marks it.
func press(t *testing.T, b *rig.Devtools) {
	t.Helper()
	b.Await(t, "a button", "document.querySelector('button')?.textContent.includes('0')")
	b.Evaluate(t, "window.same = true; document.querySelector('button').click()", nil)
	b.Await(t, "the count", "document.querySelector('button').textContent.includes('1')")
}
