//go:build unix

package dev

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/turnkey/e2e/rig"
)

var artifacts = filepath.Join("..", "artifacts")

// strict is a policy that forbids inline scripts and styles.
const strict = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; require-trusted-types-for 'script'"

// A developer types into a form of the open page and saves files.
func TestOpenPageFollowsEdits(t *testing.T) {
	w := serve(t, "")
	w.edit(code, "func bench(c *gin.Context) {", "func bench(c *gin.Context) {\n\tc.Header(\"Content-Security-Policy\", \""+strict+"\")")
	w.edit(styles, "body {", "body { min-height: 300vh;")
	w.eventually("the policy", func() bool {
		resp, _, err := w.ask(page)
		return err == nil && resp.Header.Get("Content-Security-Policy") == strict
	})
	b := steer(t)
	b.visit(w.url(page))
	mark := func() string { return b.value("document.getElementById('mark')?.textContent ?? ''") }
	b.eventually("the page", func() bool { return mark() == "mark 0" })
	b.eventually("a long page", func() bool { return b.value("scrollTo(0, 400); ''+scrollY") == "400" })
	b.value("typed.value = 'half a sentence'; window.same = true; ''")

	// A saved style sheet replaces the old one. The text in the form stays.
	time.Sleep(200 * time.Millisecond) // for the stream
	w.edit(styles, "body {", "body { outline: 3px solid rgb(1, 2, 3);")
	b.eventually("the new style", func() bool { return b.value("getComputedStyle(document.body).outlineColor") == "rgb(1, 2, 3)" })
	b.eventually("one style sheet", func() bool {
		return b.value("''+document.querySelectorAll('link[rel=stylesheet]').length") == "1"
	})
	if got := b.value("[typed.value, scrollY, window.same].join()"); got != "half a sentence,400,true" {
		t.Errorf("after an edit of a style sheet the page has %s", got)
	}

	// Every other edit reloads the page.
	var templates, goCode []time.Duration
	for n := range 5 {
		begin := time.Now()
		w.edit(template, fmt.Sprint("mark ", n), fmt.Sprint("mark ", n+1))
		b.eventually("the edited template", func() bool { return mark() == fmt.Sprint("mark ", n+1) })
		templates = append(templates, time.Since(begin))
		time.Sleep(150 * time.Millisecond)
	}
	if got := b.value("''+window.same"); got != "undefined" {
		t.Error("after an edit of a template it is the same page")
	}
	for n := range 5 {
		old, next := fmt.Sprint("code ", n), fmt.Sprint("code ", n+1)
		begin := time.Now()
		w.edit(code, old, next)
		b.eventually("the rebuilt page", func() bool { return b.value("document.getElementById('code')?.textContent ?? ''") == next })
		goCode = append(goCode, time.Since(begin))
		time.Sleep(300 * time.Millisecond)
	}
	slices.Sort(templates)
	slices.Sort(goCode)
	figures := fmt.Sprintf("from save to the new page in Chromium, medians of 5 (and the slowest)\nan edited template   %s (%s)\nan edited .go file   %s (%s)\n",
		templates[2].Round(time.Millisecond), templates[4].Round(time.Millisecond), goCode[2].Round(10*time.Millisecond), goCode[4].Round(10*time.Millisecond))
	rig.Write(t, filepath.Join(artifacts, "dev.txt"), []byte(figures), 0o644)
	t.Log("\n" + figures)
	if templates[2] > 5*time.Second || goCode[2] > 30*time.Second {
		t.Error("that is no live page")
	}

	// A failed build is shown above the page, which stays.
	b.value("window.same = true; typed.value = 'the other half'; ''")
	w.edit(code, "c.HTML(200", "d.HTML(200, nothing")
	text := "(s => s && s.activeElement !== undefined ? s.querySelector('dialog')?.textContent : '')(document.querySelector('make-dev')?.shadowRoot) ?? ''"
	b.eventually("the overlay", func() bool { return strings.Contains(b.value(text), "undefined: d") })
	if got := b.value("(d => [d.open, d.getAttribute('role'), getComputedStyle(d).borderTopLeftRadius, window.same].join())(document.querySelector('make-dev').shadowRoot.querySelector('dialog'))"); got != "true,alert,12px,true" {
		t.Errorf("the overlay is %s, want it open, an alert, styled, above the same page", got)
	}
	time.Sleep(300 * time.Millisecond) // it appears gradually
	for _, look := range []struct {
		name, scheme string
		width        int
	}{{"light", "light", 1000}, {"dark", "dark", 1000}, {"phone-dark", "dark", 390}} {
		b.call("Emulation.setDeviceMetricsOverride", map[string]any{"width": look.width, "height": 700, "deviceScaleFactor": 1, "mobile": false}, nil)
		b.call("Emulation.setEmulatedMedia", map[string]any{"features": []map[string]string{{"name": "prefers-color-scheme", "value": look.scheme}}}, nil)
		b.picture("dev-overlay-" + look.name + ".png")
	}
	w.edit(code, "d.HTML(200, nothing", "c.Set(\"mended\", true)\n\tc.HTML(200")
	b.eventually("the page back by itself", func() bool {
		return b.value("''+(window.same === undefined && !document.querySelector('make-dev'))") == "true" && mark() == "mark 5"
	})

	// With a broken template the open page stays. A page that is requested meanwhile reloads after the fix.
	w.edit(template, "{{end}}", "{{end}}{{nonsense}}")
	b.eventually("the template's overlay", func() bool { return strings.Contains(b.value(text), "nonsense") })
	b.visit(w.url(page + "?asked=meanwhile"))
	b.eventually("the overlay on a page asked for meanwhile", func() bool { return mark() == "" && strings.Contains(b.value(text), "nonsense") })
	w.edit(template, "{{nonsense}}", "")
	b.eventually("that page", func() bool { return mark() == "mark 5" && b.value(text) == "" })

	// The page reports after a while that the server has stopped.
	w.interrupt()
	b.eventually("the page that is left alone", func() bool { return strings.Contains(b.value(text), "No answer from the server") })

	for _, line := range b.console {
		if strings.Contains(line, "Content Security Policy") || strings.Contains(line, "Uncaught") {
			t.Errorf("on the console: %s", line)
		}
	}
}

// A developer who saves a file while the browser shows the response to a form must not send the form again.
func TestReloadSubmitsNoFormAgain(t *testing.T) {
	w := open(t, "", func(w *workshop) {
		w.edit(code, `"code 0"`, "c.Request.Method")
		w.edit("handlers/routes.go", benchRoutes, benchRoutes+"\tr.POST(\""+page+"\", bench)\n")
	})
	w.eventually("a page", func() bool { status, _ := w.get(page); return status == 200 })
	b := steer(t)
	b.visit(w.url(page))
	shows := func(id string) string { return b.value("document.getElementById('" + id + "')?.textContent ?? ''") }
	b.eventually("the page", func() bool { return shows("code") == "GET" })
	b.value("(() => { const form = document.createElement('form'); form.method = 'post'; document.body.append(form); form.submit(); return '' })()")
	b.eventually("the form's answer", func() bool { return shows("code") == "POST" })
	time.Sleep(200 * time.Millisecond) // for the stream
	w.edit(template, "mark 0", "mark 1")
	b.eventually("the edited template", func() bool { return shows("mark") == "mark 1" })
	if got := shows("code"); got != "GET" {
		t.Errorf("the page was asked for by %s, want GET", got)
	}
}

// Helpers

// browser controls a Chromium over a pair of pipes. Messages are JSON and end with a zero byte.
type browser struct {
	t       *testing.T
	out     *os.File
	in      *bufio.Reader
	session string
	id      int
	console []string
}

func steer(t *testing.T) *browser {
	t.Helper()
	path := rig.Need(t, "chromium")
	theirIn, out := pipe(t)
	in, theirOut := pipe(t)
	cmd := exec.Command(path, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update",
		"--disable-sync", "--ignore-certificate-errors", "--hide-scrollbars", "--window-size=1000,700", "--remote-debugging-pipe", "--user-data-dir="+t.TempDir(),
		"--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost", "about:blank")
	cmd.Env, cmd.ExtraFiles = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir()}, []*os.File{theirIn, theirOut}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	b := &browser{t: t, out: out, in: bufio.NewReader(in)}
	t.Cleanup(func() {
		kill := time.AfterFunc(10*time.Second, func() { cmd.Process.Kill() })
		defer kill.Stop()
		defer cmd.Wait() // also after a failed test and without an answer
		b.session = ""
		b.call("Browser.close", nil, nil)
	})
	theirIn.Close()
	theirOut.Close()
	var target struct{ TargetID string }
	b.call("Target.createTarget", map[string]any{"url": "about:blank"}, &target)
	var attached struct{ SessionID string }
	b.call("Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true}, &attached)
	b.session = attached.SessionID
	b.call("Log.enable", nil, nil)
	b.call("Runtime.enable", nil, nil)
	return b
}

func (b *browser) visit(url string) {
	b.t.Helper()
	b.call("Page.navigate", map[string]any{"url": url}, nil)
}

// value is the value of an expression, as a string. It is empty during a reload.
func (b *browser) value(expression string) string {
	b.t.Helper()
	var got struct{ Result struct{ Value any } }
	b.call("Runtime.evaluate", map[string]any{"expression": expression}, &got)
	text, _ := got.Result.Value.(string)
	return text
}

func (b *browser) eventually(what string, ok func() bool) {
	b.t.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			b.picture("dev-failed.png")
			b.t.Fatalf("still waiting for %s; on the console:\n%s", what, strings.Join(b.console, "\n"))
		}
	}
}

func (b *browser) picture(name string) {
	b.t.Helper()
	var shot struct{ Data string }
	b.call("Page.captureScreenshot", nil, &shot)
	data, err := base64.StdEncoding.DecodeString(shot.Data)
	if err != nil || len(data) == 0 {
		b.t.Fatalf("a picture of %d bytes: %v", len(data), err)
	}
	rig.Write(b.t, filepath.Join(artifacts, name), data, 0o644)
}

// call sends a command and returns its result.
func (b *browser) call(method string, params map[string]any, result any) {
	b.t.Helper()
	b.id++
	message := map[string]any{"id": b.id, "method": method}
	if params != nil {
		message["params"] = params
	}
	if b.session != "" {
		message["sessionId"] = b.session
	}
	data, err := json.Marshal(message)
	if err != nil {
		b.t.Fatal(err)
	}
	if _, err := b.out.Write(append(data, 0)); err != nil {
		b.t.Fatalf("%s: %v", method, err)
	}
	for {
		data, err := b.in.ReadBytes(0)
		if err != nil {
			b.t.Fatalf("%s: %v", method, err)
		}
		var answer struct {
			ID     int
			Method string
			Params json.RawMessage
			Result json.RawMessage
			Error  *struct{ Message string }
		}
		if err := json.Unmarshal(data[:len(data)-1], &answer); err != nil {
			b.t.Fatalf("%s: %v", method, err)
		}
		if answer.ID != b.id {
			if answer.Method == "Log.entryAdded" || answer.Method == "Runtime.exceptionThrown" {
				b.console = append(b.console, string(answer.Params))
			}
			continue
		}
		if answer.Error != nil && method == "Runtime.evaluate" {
			return // during a navigation
		}
		if answer.Error != nil {
			b.t.Fatalf("%s: %s", method, answer.Error.Message)
		}
		if result != nil {
			if err := json.Unmarshal(answer.Result, result); err != nil {
				b.t.Fatalf("%s: %v", method, err)
			}
		}
		return
	}
}

func pipe(t *testing.T) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close(); w.Close() })
	return r, w
}
