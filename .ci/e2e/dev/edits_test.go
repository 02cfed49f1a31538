//go:build unix

package dev

import (
	"bufio"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"example.com/turnkey/e2e/rig"
)

func TestEveryWayToSaveAFileReloadsThePage(t *testing.T) {
	w := serve(t, "")
	open := w.stream()
	st, _ := open.now()
	for _, save := range []struct {
		name string
		do   func()
		css  bool
	}{
		{"a template", func() { w.edit(template, "<h1>", "<h1><!--first-->") }, false},
		{"a template, saved by rename", func() {
			w.write("web/templates/.bench.html.new", string(rig.Read(t, w.path(template)))+" ")
			if err := os.Rename(w.path("web/templates/.bench.html.new"), w.path(template)); err != nil {
				t.Fatal(err)
			}
		}, false},
		{"a template, the old one kept beside it", func() {
			text := string(rig.Read(t, w.path(template)))
			if err := os.Rename(w.path(template), w.path(template+"~")); err != nil {
				t.Fatal(err)
			}
			w.write(template, text+" ")
		}, false},
		{"a style sheet", func() { w.edit(styles, "body {", "body { margin: 1px;") }, true},
		{"a script in a new directory of a new directory", func() { w.write("web/static/js/more/app.js", "1") }, false},
		{"that script", func() { w.write("web/static/js/more/app.js", "22") }, false},
		{"a removed script", func() {
			if err := os.Remove(w.path("web/static/js/more/app.js")); err != nil {
				t.Fatal(err)
			}
		}, false},
	} {
		save.do()
		next := open.await(save.name, func(next state) bool { return next.Version > st.Version })
		if reload := next.Reload > st.Version; reload == save.css {
			t.Errorf("%s: a new page is asked for: %v", save.name, reload)
		}
		time.Sleep(300 * time.Millisecond) // an edit causes one event
		st, _ = open.now()
		if st.Version != next.Version {
			t.Errorf("%s is told as version %d and as %d", save.name, next.Version, st.Version)
		}
	}

	_, before := open.now()
	for _, file := range []string{"web/templates/4913", "web/templates/#bench.html#", "bin/x.go", ".git/x.go", "handlers/x_test.go", "web/static/.hidden.css"} {
		w.write(file, "package nothing") // files that editors and tools write
		if file == "web/templates/4913" {
			if err := os.Remove(w.path(file)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := os.Chmod(w.path(template), 0o600); err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Second)
	if _, after := open.now(); after != before || strings.Contains(w.out.String(), "rebuilt") {
		t.Errorf("%d events for edits of nothing; printed:\n%s", after-before, &w.out)
	}
}

func TestBrokenTemplateIsShownUntilItIsFixed(t *testing.T) {
	w := serve(t, "")
	open := w.stream()
	w.edit(template, "{{end}}", "{{end}}{{if}}")
	st := open.await("the template's error", func(st state) bool { return st.Problem.Title != "" })
	if !strings.Contains(st.Problem.Text, "bench.html:") {
		t.Errorf("the problem is %+v, want the template's file and line", st.Problem)
	}
	status, body := w.get(page)
	if status != 500 || !strings.Contains(body, "/_dev/reload.js") {
		t.Errorf("a page asked for meanwhile got %d and no script that brings it back:\n%s", status, body)
	}
	if late := w.stream().await("its state", func(state) bool { return true }); late.Problem != st.Problem {
		t.Errorf("a page opened meanwhile is told of %+v", late.Problem)
	}
	w.edit(template, "{{if}}", "")
	open.await("a state without the problem", func(next state) bool { return next.Problem.Title == "" && next.Reload > st.Version })
	if status, _ := w.get(page); status != 200 {
		t.Errorf("the mended page got %d", status)
	}

	// A template that parses and fails while it is executed gives an error page, which also follows edits.
	w.edit(template, "{{.Code}}", "{{.Code.Colour}}")
	w.eventually("an error page that is followed", func() bool {
		status, body := w.get(page)
		return status == 500 && strings.Contains(body, "/_dev/reload.js")
	})
}

func TestBrokenBuildIsShownWhileTheOldServerServes(t *testing.T) {
	w := serve(t, "")
	open := w.stream()
	before, _ := open.now()
	w.edit(code, "func bench(c *gin.Context) {", "func bench(c *gin.Context) {\n\tundefined()")
	st := open.await("the compiler's words", func(st state) bool { return st.Problem.Title == "The build failed" })
	if !strings.Contains(st.Problem.Text, code+":") || !strings.Contains(st.Problem.Text, "undefined: undefined") {
		t.Errorf("the problem is %q, want file, line and reason", st.Problem.Text)
	}
	if out := w.out.String(); !strings.Contains(out, "undefined: undefined") || !strings.Contains(out, "keeps serving") {
		t.Errorf("the terminal shows\n%s", out)
	}
	if st.Process != before.Process {
		t.Error("another process serves")
	}
	if status, body := w.get(page); status != 200 || !strings.Contains(body, before.Process) {
		t.Errorf("the old server answered %d:\n%s", status, body)
	}
	if late := w.stream().await("its state", func(state) bool { return true }); late.Problem != st.Problem {
		t.Errorf("a page opened meanwhile is told of %+v", late.Problem)
	}

	// After the edit is undone, the old server stays. After another fix, a new one starts.
	w.edit(code, "\n\tundefined()", "")
	same := open.await("a state without the problem", func(st state) bool { return st.Problem.Title == "" })
	if same.Process != before.Process {
		t.Error("an edit that was taken back started another process")
	}
	w.edit(code, "func bench(c *gin.Context) {", "func bench(c *gin.Context) {\n\tundefined()")
	open.await("the problem again", func(st state) bool { return st.Problem.Title != "" })
	w.edit(code, "undefined()", `c.Header("X-Mended", "yes")`)
	open.await("another process", func(st state) bool { return st.Process != before.Process && st.Problem.Title == "" })
	w.eventually("the mended answer", func() bool {
		resp, _, err := w.ask(page)
		return err == nil && resp.Header.Get("X-Mended") == "yes"
	})
	if n := strings.Count(w.out.String(), "  ➜"); n != 2 {
		t.Errorf("addresses are printed on %d lines, want the 2 of the first start:\n%s", n, &w.out)
	}
	if !strings.Contains(w.out.String(), "  rebuilt in ") {
		t.Errorf("the terminal does not say that it was rebuilt:\n%s", &w.out)
	}
}

// Other machines on the network may reach a development server. Only this machine gets the compiler's output.
func TestRemoteClientsGetNoCompilerOutput(t *testing.T) {
	w := serve(t, "TRUSTED_PROXIES=127.0.0.1,::1\n")
	open := w.stream()
	w.edit(code, "func bench(c *gin.Context) {", "func bench(c *gin.Context) {\n\tundefined()")
	open.await("the compiler's words", func(st state) bool { return strings.Contains(st.Problem.Text, "undefined") })
	// A forwarding header that names a loopback address does not make the request one of this machine.
	for from, own := range map[string]bool{"192.0.2.7": false, "2001:db8::7": false, "127.0.0.1": false, "": true} {
		req, err := http.NewRequestWithContext(t.Context(), "GET", w.url("/_dev/events"), nil)
		if err != nil {
			t.Fatal(err)
		}
		if from != "" {
			req.Header.Set("X-Forwarded-For", from)
			req.Header.Set("X-Forwarded-Proto", "https")
		}
		resp, err := w.once.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		line, err := bufio.NewReader(resp.Body).ReadString('\n')
		resp.Body.Close()
		if err != nil || !strings.Contains(line, "The build failed") || strings.Contains(line, "undefined") != own {
			t.Errorf("%s is told %s (%v)", from, line, err)
		}
	}
}

func TestEditedSettingsRestartTheServer(t *testing.T) {
	w := serve(t, "HSTS=max-age=0\n")
	open := w.stream()
	before, _ := open.now()
	w.edit(".env", "HSTS=max-age=0", "HSTS=soon")
	st := open.await("the fault", func(st state) bool { return st.Problem.Title == "The server did not start" })
	if !strings.Contains(st.Problem.Text, `HSTS="soon"`) || !strings.Contains(st.Problem.Text, "→") || st.Process != before.Process {
		t.Errorf("got %+v, want the setting and its fix, from the old process", st)
	}
	if status, _ := w.get(page); status != 200 {
		t.Errorf("the old server answered %d", status)
	}
	w.edit(".env", "HSTS=soon", "HSTS=max-age=7")
	open.await("another process", func(st state) bool { return st.Process != before.Process && st.Problem.Title == "" })
	w.eventually("the new setting", func() bool {
		resp, _, err := w.ask(page)
		return err == nil && resp.Header.Get("Strict-Transport-Security") == "max-age=7"
	})

	// After the port is changed, the new port is opened and the old one closed.
	old, moved := w.https, rig.Port(t)
	w.edit(".env", portText(old), portText(moved))
	w.https = moved
	w.eventually("a page on the new port", func() bool { status, _ := w.get(page); return status == 200 })
	w.https = old
	w.eventually("the old port closed", func() bool { return !w.listening() })
	w.https = moved
	if out := w.out.String(); !strings.Contains(out, "➜  https://localhost:"+strconv.Itoa(moved)) {
		t.Errorf("the new address is not printed:\n%s", out)
	}
}

func TestCrashIsShownAndTheServerRestarts(t *testing.T) {
	w := serve(t, "")
	open := w.stream()
	st, _ := open.now()
	time.Sleep(1100 * time.Millisecond) // a server that crashes at its start is not restarted
	w.get("/crash")
	st = open.await("the crash", func(next state) bool { return next.Process != st.Process && next.Problem.Title != "" })
	if !strings.Contains(st.Problem.Text, "no milk today") || !strings.Contains(st.Problem.Text, code+":") {
		t.Errorf("the problem is %+v, want the panic and its place", st.Problem)
	}
	if status, _ := w.get(page); status != 200 {
		t.Errorf("after the crash a page got %d", status)
	}
	w.edit(template, "<h1>", "<h1><!--edited-->")
	open.await("the next edit", func(next state) bool { return next.Problem.Title == "" && next.Version > st.Version })
}

func portText(port int) string { return "HTTPS_ADDR=localhost:" + strconv.Itoa(port) }
