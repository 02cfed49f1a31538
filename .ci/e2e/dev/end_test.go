//go:build linux

package dev

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/turnkey/e2e/rig"
)

func TestCtrlCEndsAllProcesses(t *testing.T) {
	w := serve(t, "")
	w.stream() // an open request, which a graceful stop waits for
	begin := time.Now()
	w.interrupt()
	select {
	case <-w.ended:
	case <-time.After(15 * time.Second):
		t.Fatalf("make dev still runs: %v", w.processes())
	}
	t.Logf("ended in %s", time.Since(begin).Round(time.Millisecond))
	w.nothingLeft()
	if out := w.out.String(); strings.Contains(out, "still open") || strings.Contains(out, "Error") {
		t.Errorf("not an honest end:\n%s", out)
	}
}

func TestNoProcessRemainsAfterTheWatcherIsKilled(t *testing.T) {
	w := serve(t, "")
	pids := w.processes()["bin/scripts/dev"]
	if len(pids) != 1 {
		t.Fatalf("the watcher's processes are %v", w.processes())
	}
	syscall.Kill(pids[0], syscall.SIGKILL)
	w.nothingLeft()
}

// A developer who kills the server by its process id wants make dev to end.
func TestStoppingTheServerEndsTheWatcher(t *testing.T) {
	w := serve(t, "")
	pids := w.processes()["bin/"+rig.Project(t)]
	if len(pids) != 1 {
		t.Fatalf("the server's processes are %v", w.processes())
	}
	syscall.Kill(pids[0], syscall.SIGTERM)
	select {
	case <-w.ended:
	case <-time.After(15 * time.Second):
		t.Fatalf("make dev still runs: %v", w.processes())
	}
	if code := w.cmd.ProcessState.ExitCode(); code != 0 {
		t.Errorf("exit status %d, want 0", code)
	}
	w.nothingLeft()
}

func TestFailedFirstStartEndsWithItsExitStatus(t *testing.T) {
	for _, test := range []struct {
		name, settings, want string
		prepare              func(*workshop)
	}{
		{"a fault in .env", "LOG_LEVEL=loud\n", `LOG_LEVEL="loud"`, func(*workshop) {}},
		{"a broken .go file", "", "undefined: nothing", func(w *workshop) {
			w.edit(code, "func bench(c *gin.Context) {", "func bench(c *gin.Context) {\n\tnothing()")
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := open(t, test.settings, test.prepare)
			select {
			case <-w.ended:
			case <-time.After(patience):
				t.Fatal("make dev waits for an edit without a terminal")
			}
			if w.cmd.ProcessState.Success() {
				t.Error("exit status 0")
			}
			if !strings.Contains(w.out.String(), test.want) {
				t.Errorf("%q is not printed:\n%s", test.want, &w.out)
			}
			w.nothingLeft()
		})
	}
}

// At a terminal make dev waits, because a developer can fix the fault.
func TestFailedFirstStartAtATerminalWaitsForAnEdit(t *testing.T) {
	w := open(t, "LOG_LEVEL=loud\nTLS_MODE=proxy\n", func(w *workshop) {
		w.command = []string{"script", "--quiet", "--return", "--command", "make dev", "/dev/null"} // runs it at a new terminal
		w.env = []string{"CI="}
	})
	w.eventually("the fault", func() bool { return strings.Contains(w.out.String(), `LOG_LEVEL="loud"`) })
	w.edit(".env", "LOG_LEVEL=loud", "LOG_LEVEL=info")
	w.eventually("a page", func() bool {
		answer, err := rig.Try(rig.Visitor(nil), rig.Request{URL: "http://" + rig.Loopback(w.http) + "/healthz"})
		return err == nil && answer.StatusCode == 200
	})
	w.eventually("the banner", func() bool { return strings.Contains(w.out.String(), "➜") })
	if !strings.Contains(w.out.String(), "waiting for an edit, or Ctrl-C") {
		t.Errorf("printed:\n%s", &w.out)
	}
}

// With ENV=prod make dev adds neither script nor stream. The responses are those of the binary alone.
func TestProductionPagesHaveNoReloadScript(t *testing.T) {
	alone := rig.Port(t)
	settings := rig.Env{"ENV": "prod", "TLS_MODE": "proxy", "DOMAINS": "shop.test"}
	rig.Start(t, t.TempDir(), settings.With(rig.Env{"HTTP_ADDR": rig.Loopback(alone)}))
	w := open(t, "ENV=prod\nTLS_MODE=proxy\nDOMAINS=shop.test\n")
	visitor := rig.Visitor(nil)
	ask := func(port int, path string) (rig.Answer, error) {
		return rig.Try(visitor, rig.Request{URL: "http://" + rig.Loopback(port) + path, Host: "shop.test",
			Header: []string{"Accept", "text/html", "X-Forwarded-Proto", "https", "X-Request-Id", "0123456789abcdef0123456789abcdef"}})
	}
	w.eventually("a page", func() bool { answer, err := ask(w.http, "/"); return err == nil && answer.StatusCode == 200 })
	for path, status := range map[string]int{"/": 200, "/nowhere": 404, "/static/style.css": 200, "/_dev/reload.js": 404, "/_dev/events": 404} {
		got, err := ask(w.http, path)
		if err != nil {
			t.Fatal(err)
		}
		want, err := ask(alone, path)
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range []rig.Answer{got, want} {
			if a.StatusCode != status || strings.Contains(a.Body, "_dev") {
				t.Errorf("%s got %d, want %d and nothing of development:\n%s", path, a.StatusCode, status, a.Body)
			}
			a.Header.Del("Date")
		}
		if got.Body != want.Body || !maps.EqualFunc(got.Header, want.Header, slices.Equal) {
			t.Errorf("%s differs:\n%v\n%s\nfrom the binary alone:\n%v\n%s", path, got.Header, got.Body, want.Header, want.Body)
		}
	}

	// In development the script element is the only difference.
	d := serve(t, "")
	_, page := d.get("/nowhere")
	script := regexp.MustCompile(`<script src="/_dev/reload\.js\?[0-9a-z]+\.[0-9]+" defer></script>\n</body>`)
	if !script.MatchString(page) || strings.Contains(script.ReplaceAllString(page, "</body>"), "_dev") {
		t.Errorf("the page of development is\n%s", page)
	}
}

// Helpers

func (w *workshop) nothingLeft() {
	w.t.Helper()
	rig.Eventually(w.t, 10*time.Second, "no process of the clone and no open port", func() bool {
		return len(w.processes()) == 0 && !w.listening()
	})
}
