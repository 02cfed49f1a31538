//go:build linux

// Package bench compares what a request, a handshake, an idle connection and a start cost here, with gin alone, with what
// people usually add to gin, and with nginx and Caddy in front of gin.
package bench

import (
	"bytes"
	"encoding/json"
	"flag"
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

func TestMain(m *testing.M) { rig.Main(m) }

var (
	all    = flag.Bool("all", false, "measure all rows with all servers, and keep them in testdata/ratios.json, the README and the picture")
	rounds = flag.Int("rounds", 15, "how often each server is measured with each kind of request")
	length = flag.Duration("length", 400*time.Millisecond, "how long each time")
)

// requests are the rows of processor time.
var requests = []struct {
	name string
	request
}{
	{"small JSON, HTTP/1.1", request{"http/1.1", "/json", "identity"}},
	{"small JSON, HTTP/2", request{"h2", "/json", "identity"}},
	{"page, HTTP/1.1", request{"http/1.1", "/page", "identity"}},
	{"page, HTTP/2", request{"h2", "/page", "identity"}},
	{"page, gzip accepted, HTTP/1.1", request{"http/1.1", "/page", "gzip"}},
	{"page, gzip accepted, HTTP/2", request{"h2", "/page", "gzip"}},
	{"stylesheet of 16 KiB, HTTP/1.1", request{"http/1.1", "/static/style.css", "identity"}},
	{"stylesheet of 16 KiB, HTTP/2", request{"h2", "/static/style.css", "identity"}},
	{"full handshake", request{"http/1.1", "", ""}},
}

// Each server has one processor, which all share, and the clients have the others. In each round the servers are measured
// in turn, so that a machine that becomes slower does so for all.
func TestAllRatios(t *testing.T) {
	if !*all {
		t.Skip("make bench measures all")
	}
	dir := site(t)
	proxied, left := proxies(t, dir)
	kinds := append(append(gins[:len(gins):len(gins)], proxied...), starter)
	clientsElsewhere(t)

	result := ratios{Servers: names(kinds), Left: left}
	servers := startAll(t, dir, kinds, false)
	for _, r := range requests {
		result.Rows = append(result.Rows, processorTime(t, servers, r.name, r.request, *rounds))
	}
	for _, s := range servers {
		s.checkLog(t)
		s.stop()
	}
	result.Rows = append(result.Rows, idle(t, dir, kinds)...)
	result.Rows = append(result.Rows, firstAnswer(t, dir, kinds))
	for _, r := range requests {
		if slices.Contains(counted, r.name) {
			result.Rows = append(result.Rows, instructions(t, dir, r.name, r.request, instructionRounds))
		}
	}
	result.Rows = append(result.Rows, allocations(t))
	if t.Failed() {
		return
	}
	result.write(t)
	result.publish(t)
	t.Log("\n" + result.table() + "\n" + result.goals())
	rig.Write(t, filepath.Join("..", "artifacts", "bench.txt"), []byte(result.table()+"\n"+result.goals()), 0o644)
}

func names(kinds []kind) (all []string) {
	for _, k := range kinds {
		all = append(all, k.name)
	}
	return all
}

// clientsElsewhere leaves the first processor to the servers: the test's threads run on the others, and so do those that
// they start.
func clientsElsewhere(t *testing.T) {
	t.Helper()
	out, err := exec.Command("taskset", "--all-tasks", "--cpu-list", "--pid", "1-1023", fmt.Sprint(os.Getpid())).CombinedOutput()
	if err != nil {
		t.Logf("the clients share the servers' processor: %v: %s", err, out)
	}
}

// startAll starts the servers and checks that all send the same bytes, except where the usual packages compress a page.
func startAll(t *testing.T, dir string, kinds []kind, profiles bool) (servers []*server) {
	t.Helper()
	for _, k := range kinds {
		servers = append(servers, start(t, dir, k, profiles))
	}
	for _, r := range requests {
		if r.path == "" {
			continue
		}
		want, _ := servers[0].get(t, r.request)
		for _, s := range servers {
			body, header := s.get(t, r.request)
			if coded := header.Get("Content-Encoding"); !bytes.Equal(body, want) && (r.encoding != "gzip" || coded != "gzip") || coded != "" && r.encoding != "gzip" {
				t.Fatalf("%s: %s sends %d bytes, encoded as %q, and bare gin sends others: %d", r.name, s.name, len(body), coded, len(want))
			}
		}
	}
	return servers
}

// processorTime returns the row of a kind of request.
func processorTime(t *testing.T, servers []*server, name string, r request, rounds int) row {
	t.Helper()
	var names []string
	for _, s := range servers {
		names = append(names, s.name)
		s.load(t, r, 200*time.Millisecond) // warm up
	}
	return newRow(name, "", names, interleave(len(servers), rounds, func(i int) float64 { return servers[i].load(t, r, *length) }))
}

// firstAnswer returns the row of the time from the start of a process to the page over https.
func firstAnswer(t *testing.T, dir string, kinds []kind) row {
	t.Helper()
	return newRow("start to the first page", "ms", names(kinds), interleave(len(kinds), *rounds, func(i int) float64 {
		began := time.Now()
		s := start(t, dir, kinds[i], false)
		took := time.Since(began)
		s.stop()
		return took.Seconds() * 1000
	}))
}

// interleave measures n servers in each round. The order changes, because the position in a round affects the result.
func interleave(n, rounds int, measure func(i int) float64) [][]float64 {
	costs := make([][]float64, n)
	for round := range rounds {
		for i := range n {
			i = (i + round) % n
			costs[i] = append(costs[i], measure(i))
		}
	}
	return costs
}

// site builds the servers into a folder with what they serve, and returns the folder.
func site(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	var css strings.Builder
	for i := 0; css.Len() < 16<<10; i++ {
		fmt.Fprintf(&css, ".c%d { color: #%06x; margin: %dpx }\n", i, i*7919%(1<<24), i%97)
	}
	rig.Write(t, filepath.Join(dir, "web/static/style.css"), []byte(css.String()[:16<<10]), 0o644)
	rig.Write(t, filepath.Join(dir, "web/templates/page.html"), []byte("<!doctype html><html lang=en><title>Shop</title>"+
		"<link rel=stylesheet href=/static/style.css><ul>{{range .}}<li><a href=/{{.}}>{{.}}</a>{{end}}</ul></html>"), 0o644)
	rig.NewCA(t, "bench").Issue(t, rig.Leaf{Names: []string{"shop.test"}}).
		Write(t, filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"))

	root, _ := filepath.Abs("../../..")
	source, _ := filepath.Abs("testdata/site/main.go")
	// The site's sources are below app for this build only, as they call what only app may call.
	overlay, _ := json.Marshal(map[string]any{"Replace": map[string]string{filepath.Join(root, "app", "bench", "main.go"): source}})
	rig.Write(t, filepath.Join(dir, "overlay.json"), overlay, 0o644)
	build(t, root, filepath.Join(dir, "ours"), "-overlay", filepath.Join(dir, "overlay.json"), "./app/bench")
	build(t, ".", filepath.Join(dir, "peer"), "./peer")
	return dir
}

// build builds a program as make build does.
func build(t *testing.T, dir, bin string, args ...string) {
	t.Helper()
	cmd := exec.Command("go", append([]string{"build", "-tags", "nomsgpack", "-trimpath", "-ldflags", "-s -w", "-o", bin}, args...)...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", cmd.Args, err, out)
	}
}
