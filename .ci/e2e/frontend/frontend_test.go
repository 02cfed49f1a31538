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
	cache, err := exec.Command("npm", "config", "get", "cache").Output()
	if err != nil {
		t.Fatalf("npm: %v; it comes with the package npm", err)
	}
	p.Env = append(p.Env, "npm_config_yes=true", "npm_config_cache="+strings.TrimSpace(string(cache)))
	_, text, _ := strings.Cut(string(rig.Read(t, filepath.Join(p.Dir, "app", "kit", "README.md"))), "\n### A front end of its own (Vite)\n")
	p.Run(t, block(t, text, "sh"))
	p.Replace(t, "web/app/vite.config.ts", "defineConfig({", "defineConfig({\n"+block(t, text, "js"))
	p.Replace(t, "handlers/routes.go", "\treturn nil", block(t, text, "go")+"\treturn nil")
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

// block returns the first fenced block of the language.
func block(t *testing.T, text, language string) string {
	t.Helper()
	m := regexp.MustCompile("(?s)```" + language + "\n(.*?)```").FindStringSubmatch(text)
	if m == nil {
		t.Fatalf("app/kit/README.md has no %s for a front end", language)
	}
	return m[1]
}

// follows works on the page under make dev.
func follows(t *testing.T, p *clone.Project) {
	dev := develop(t, p)
	b := browser(t, nil, filepath.Join(p.Home, ".local", "share", "turnkey", "root.pem"))
	b.Visit(t, dev.url, "")
	press(t, b)
	p.Replace(t, source, heading, "Hot as promised")
	await(t, b, "the edited heading", "document.querySelector('h1').textContent == 'Hot as promised'")
	await(t, b, "the same page, with what was done in it", "window.same && document.querySelector('button').textContent.includes('1')")
	nothingRefused(t, b)
	b.Picture(t, fmt.Sprintf(picture, "dev"))

	// The site's own code follows edits too: another process answers, and the page finds Vite through it.
	rig.Write(t, filepath.Join(p.Dir, ".env"), []byte("LOG_LEVEL=info\n"), 0o644)
	await(t, b, "the page of the new process", "!window.same && document.querySelector('h1')?.textContent == 'Hot as promised'")
	press(t, b)
	p.Replace(t, source, "Hot as promised", heading)
	await(t, b, "the heading as it was, in the same page", "window.same && document.querySelector('h1').textContent == '"+heading+"'")

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
	await(t, b, "why", "document.querySelector('h1').textContent.includes('the front end in web/app does not answer')")
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
	ca := rig.NewCA(t, "root of the tests")
	root, cert, key := filepath.Join(t.TempDir(), "root.pem"), filepath.Join(t.TempDir(), "cert.pem"), filepath.Join(t.TempDir(), "key.pem")
	rig.Write(t, root, ca.RootPEM(), 0o644)
	ca.Issue(t, rig.Leaf{Names: []string{"shop.test"}}).Write(t, cert, key)
	https := rig.Port(t)
	rig.Spawn(t, rig.Command{Path: filepath.Join(p.Dir, "bin", "turnkey"), Dir: t.TempDir(), Env: []string{
		"ENV=prod", "TLS_MODE=files", "TLS_CERT_FILE=" + cert, "TLS_KEY_FILE=" + key, "DOMAINS=shop.test",
		"HTTPS_ADDR=" + rig.Loopback(https), "HTTP_ADDR=" + rig.Loopback(rig.Port(t))}}).WaitForPort(t, rig.Loopback(https))
	b := browser(t, rig.Sites{"shop.test:443": rig.Loopback(https)}, root)
	b.Visit(t, "https://shop.test/orders/7", "")
	press(t, b)
	await(t, b, "every picture", "document.images.length > 2 && [...document.images].every(i => i.naturalWidth > 0)")
	nothingRefused(t, b)
	b.Picture(t, fmt.Sprintf(picture, "built"))

	visitor := rig.Visitor(ca.Pool())
	at := fmt.Sprintf("https://shop.test:%d", https)
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

// browser is a Chromium that trusts root, and whose pages keep what their policy refused.
func browser(t *testing.T, sites rig.Sites, root string) *rig.Devtools {
	t.Helper()
	chromium, err := rig.Find("chromium")
	if err != nil {
		t.Fatal("chromium is missing; install the package chromium")
	}
	certutil, err := rig.Find("certutil")
	if err != nil {
		t.Fatal("certutil is missing; install the package libnss3-tools")
	}
	c := rig.Chromium{Path: chromium, Home: t.TempDir(), Sites: sites}
	c.Trust(t, certutil, root)
	b := c.Steer(t)
	b.Call(t, "Page.enable", nil, nil)
	b.Call(t, "Page.addScriptToEvaluateOnNewDocument", map[string]any{"source": "window.refused = []; " +
		"addEventListener('securitypolicyviolation', e => refused.push(e.effectiveDirective + ' ' + e.blockedURI))"}, nil)
	return b
}

func await(t *testing.T, b *rig.Devtools, what, script string) {
	t.Helper()
	rig.Eventually(t, patience, what, func() bool {
		var is bool
		b.Evaluate(t, "try { !!("+script+") } catch { false }", &is)
		return is
	})
}

// press counts up in the page, and marks it.
func press(t *testing.T, b *rig.Devtools) {
	t.Helper()
	await(t, b, "a button", "document.querySelector('button')?.textContent.includes('0')")
	b.Evaluate(t, "window.same = true; document.querySelector('button').click()", nil)
	await(t, b, "the count", "document.querySelector('button').textContent.includes('1')")
}

func nothingRefused(t *testing.T, b *rig.Devtools) {
	t.Helper()
	var refused []string
	if b.Evaluate(t, "window.refused", &refused); len(refused) > 0 {
		t.Errorf("the policy of the page refuses %q", refused)
	}
}
