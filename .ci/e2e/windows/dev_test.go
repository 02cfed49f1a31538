//go:build linux

package windows

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"example.com/turnkey/e2e/rig"
)

// buildTime is for a build and a start of the site, on a busy machine.
const buildTime = time.Minute

// A developer edits a clone in a folder whose path has spaces, while scripts/dev serves it. The old process stops before
// the new one opens the same ports, because Windows passes no sockets.
func edit(t *testing.T, w *wine) {
	dir := filepath.Join(t.TempDir(), "My Projects", "shop (dev)")
	if err := errors.Join(os.Mkdir(filepath.Dir(dir), 0o755), os.Rename(rig.Clone(t), dir)); err != nil {
		t.Fatal(err)
	}
	https, http := rig.Port(t), rig.Port(t)
	notepad(t, dir, fmt.Sprintf("HTTPS_ADDR=localhost:%d\nHTTP_ADDR=localhost:%d\n", https, http))
	const handler = "package handlers\n\nimport \"github.com/gin-gonic/gin\"\n\nfunc probe(c *gin.Context) { c.String(200, \"one\") }\n"
	probe, routes := filepath.Join(dir, "handlers", "probe.go"), filepath.Join(dir, "handlers", "routes.go")
	home := filepath.Join(dir, "web", "templates", "home.html")
	rig.Write(t, probe, []byte(handler), 0o644)
	const begin = "func Routes(r *gin.Engine, server kit.Server) error {\n"
	replace(t, routes, begin, begin+"\tr.GET(\"/probe\", probe)\n")

	dev := w.start(t, dir, rig.Env{"WINEPATH": z(w.bin), "TEST_GO_COMMAND": goCommand(t)}, "dev")
	rig.Eventually(t, buildTime, "the site's address", func() bool {
		if dev.Exited() {
			t.Fatalf("scripts/dev ended instead of serving:\n%s%s", dev.Stdout(), dev.Stderr())
		}
		return strings.Contains(dev.Stdout(), "➜")
	})
	visitor := rig.Visitor(rig.Pool(t, rig.Read(t, filepath.Join(dir, "certs", "ca.pem"))))
	shows := func(path, text string) bool {
		resp, err := visitor.Get(fmt.Sprintf("https://localhost:%d%s", https, path))
		if err != nil {
			return false // between two processes
		}
		defer resp.Body.Close()
		var body bytes.Buffer
		body.ReadFrom(resp.Body)
		return resp.StatusCode == 200 && strings.Contains(body.String(), text)
	}
	if !shows("/probe", "one") {
		t.Fatal("the page of the clone does not come")
	}

	replace(t, home, `{{define "content"}}`, `{{define "content"}}<p>edited</p>`)
	rig.Eventually(t, runTime, "the edited template", func() bool { return shows("/", "<p>edited</p>") })
	if strings.Contains(dev.Stdout(), "rebuilt") {
		t.Errorf("an edited template causes a build:\n%s", dev.Stdout())
	}
	replace(t, probe, `"one"`, `"two"`)
	rig.Eventually(t, buildTime, "the edited code", func() bool { return shows("/probe", "two") })
	replace(t, probe, `"two"`, `two`)
	rig.Eventually(t, buildTime, "the compiler's words", func() bool { return strings.Contains(dev.Stderr(), "undefined: two") })
	if !shows("/probe", "two") {
		t.Error("after a failed build the old process does not serve")
	}
	w.interrupt(t, dev)
	rig.Eventually(t, runTime, "the end of the site", func() bool {
		conn, err := net.Dial("tcp", rig.Loopback(https))
		if err == nil {
			conn.Close()
		}
		return err != nil
	})
}

// Helpers

func replace(t *testing.T, file, old, new string) {
	t.Helper()
	text := string(rig.Read(t, file))
	if !strings.Contains(text, old) {
		t.Fatalf("%s has no %q", file, old)
	}
	rig.Write(t, file, []byte(strings.Replace(text, old, new, 1)), 0o644)
}

// goCommand runs the go command, which builds for Windows, for the program in testdata/go. It returns its address.
func goCommand(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	go func() {
		for conn, err := ln.Accept(); err == nil; conn, err = ln.Accept() {
			go answer(conn)
		}
	}()
	return ln.Addr().String()
}

// answer runs one command, with paths as Linux writes them.
func answer(conn net.Conn) {
	defer conn.Close()
	var asked struct {
		Dir  string
		Args []string
	}
	calls := json.NewDecoder(conn)
	if calls.Decode(&asked) != nil {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() { calls.Decode(&struct{}{}); cancel() }() // the program was killed: a later edit cancels a build
	for i, arg := range asked.Args {
		if arg == "-o" {
			asked.Args[i+1] = strings.ReplaceAll(asked.Args[i+1], `\`, "/")
		}
	}
	cmd := exec.CommandContext(ctx, "go", asked.Args...)
	cmd.Dir = strings.ReplaceAll(strings.TrimPrefix(asked.Dir, "Z:"), `\`, "/")
	cmd.Env = append(os.Environ(), forWindows...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	code := cmd.ProcessState.ExitCode()
	if err != nil && stderr.Len() == 0 {
		fmt.Fprintln(&stderr, err)
	}
	json.NewEncoder(conn).Encode(map[string]any{"Stdout": stdout.String(), "Stderr": stderr.String(), "Code": code})
}
