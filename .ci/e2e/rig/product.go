package rig

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"
)

// Env is the product's environment: the test's variables, PATH, and a HOME that is empty unless the test sets one.
type Env map[string]string

// With returns e and more. The last value of a name wins.
func (e Env) With(more Env) Env {
	out := Env{}
	for _, from := range []Env{e, more} {
		for name, value := range from {
			out[name] = value
		}
	}
	return out
}

func (e Env) list(t testing.TB) []string {
	out := []string{"PATH=" + os.Getenv("PATH")}
	if raceEnabled {
		out = append(out, "GORACE=atexit_sleep_ms=0") // without a wait of a second at each end
	}
	if _, given := e["HOME"]; !given {
		out = append(out, "HOME="+t.TempDir())
	}
	for name, value := range e {
		out = append(out, name+"="+value)
	}
	return out
}

// Product is a running server.
type Product struct {
	*Process
	Dir string // its working directory
	env Env
}

// Start starts the server in dir and returns when every port in env is open.
func Start(t testing.TB, dir string, env Env) *Product {
	t.Helper()
	p := &Product{Spawn(t, Command{Path: Binary(t), Dir: dir, Env: env.list(t)}), dir, env}
	t.Cleanup(func() { p.inspect(t) })
	for _, addr := range []string{env["HTTPS_ADDR"], env["HTTP_ADDR"]} {
		if addr != "" && addr != "off" {
			p.WaitForPort(t, addr)
		}
	}
	return p
}

// Run runs the product with args and waits until it ends.
func Run(t testing.TB, dir string, env Env, args ...string) Result {
	t.Helper()
	return RunAs(t, nil, dir, env, args...)
}

// RunAs is Run as another user.
func RunAs(t testing.TB, as *User, dir string, env Env, args ...string) Result {
	t.Helper()
	p := Spawn(t, Command{Path: Binary(t), Args: args, Dir: dir, Env: env.list(t), As: as})
	return p.Finish(t, 10*time.Second)
}

// RunDoctor runs the doctor with args and waits until it ends.
func RunDoctor(t testing.TB, dir string, env Env, args ...string) Result {
	t.Helper()
	return Spawn(t, Command{Path: Doctor(t), Args: args, Dir: dir, Env: env.list(t)}).Finish(t, 30*time.Second)
}

// inspect fails the test if the product wrote what it must never write.
func (p *Product) inspect(t testing.TB) {
	output := p.Stdout() + p.Stderr()
	for _, never := range []string{"PRIVATE KEY", "WARNING: DATA RACE", "panic:", "fatal error:"} {
		if strings.Contains(output, never) {
			t.Errorf("the product wrote %q:\n%s", never, output)
		}
	}
	for _, name := range []string{"ACME_EAB_HMAC_KEY", "ACME_CACHE_KEY"} {
		for _, key := range strings.FieldsFunc(p.env[name], func(r rune) bool { return r == ',' || r == ' ' }) {
			if strings.Contains(output, strings.TrimRight(key, "=")) {
				t.Errorf("the product wrote its %s:\n%s", name, output)
			}
		}
	}
}

// Logged returns the JSON log lines so far that keep returns true for.
func (p *Product) Logged(keep func(line map[string]any) bool) []map[string]any {
	var out []map[string]any
	for text := range strings.Lines(p.Stdout()) {
		var line map[string]any
		if json.Unmarshal([]byte(text), &line) == nil && keep(line) {
			out = append(out, line)
		}
	}
	return out
}
