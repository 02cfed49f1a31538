//go:build linux

// Package bench compares the processor time that a request costs here, with gin alone, and with what people usually add
// to gin.
package bench

import (
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
	rounds = flag.Int("rounds", 15, "how often each server is measured with each kind of request")
	length = flag.Duration("length", 500*time.Millisecond, "how long each time")
)

// kinds are the servers. The first is what the others are compared with, and the second is the first again: how far
// apart the two are is how far a figure can be trusted.
var kinds = []string{"bare", "again", "default", "usual", "ours"}

// Each server is a process of its own with one processor. In each round they are measured in turn, so that a machine
// that becomes slower does so for all. A ratio is that of one round, and the table has the medians with the quartiles.
func TestProcessorTimeOfARequest(t *testing.T) {
	dir := site(t)
	var servers []*server
	for _, kind := range kinds {
		servers = append(servers, start(t, dir, kind))
	}
	var out strings.Builder
	out.WriteString("| processor time, bare gin = 1 | bare gin again | gin.Default() | gin, usual packages | ours |\n" +
		"|---|--:|--:|--:|--:|\n")
	for _, row := range []struct{ name, path, encoding string }{
		{"small JSON", "/json", "identity"}, {"page", "/page", "identity"}, {"page, gzip accepted", "/page", "gzip"},
		{"stylesheet of 16 KiB", "/static/style.css", "identity"},
	} {
		for _, protocol := range []string{"http/1.1", "h2"} {
			r := request{protocol, row.path, row.encoding}
			fmt.Fprintf(&out, "| %s, %s |%s\n", row.name, protocol, compare(t, servers, r))
		}
	}
	fmt.Fprintf(&out, "| first answer after a start |%s\n", compareStarts(t, dir))
	for _, s := range servers {
		if lines := strings.Count(string(rig.Read(t, s.log)), s.line); s.line != "" && lines < s.requests {
			t.Errorf("%s has %d lines in its log for %d requests", s.kind, lines, s.requests)
		}
	}
	t.Log("\n" + out.String())
	rig.Write(t, filepath.Join("..", "artifacts", "bench.txt"), []byte(out.String()), 0o644)
}

// compare returns the cells of a row.
func compare(t *testing.T, servers []*server, r request) string {
	t.Helper()
	for _, s := range servers {
		s.load(t, r, 200*time.Millisecond) // warm up
	}
	ratios := make([][]float64, len(servers))
	for round := range *rounds {
		cost := make([]float64, len(servers))
		for i := range servers { // the order changes, because the position in a round affects the result
			i = (i + round) % len(servers)
			cost[i] = servers[i].load(t, r, *length)
		}
		for i := range cost {
			ratios[i] = append(ratios[i], cost[i]/cost[0])
		}
	}
	return cells(ratios[1:])
}

// compareStarts compares the time from the start of a process to its first answer over https.
func compareStarts(t *testing.T, dir string) string {
	t.Helper()
	ratios := make([][]float64, len(kinds))
	for round := range *rounds {
		took := make([]float64, len(kinds))
		for i := range kinds {
			i = (i + round) % len(kinds)
			began := time.Now()
			s := start(t, dir, kinds[i])
			took[i] = float64(time.Since(began))
			s.stop()
		}
		for i := range took {
			ratios[i] = append(ratios[i], took[i]/took[0])
		}
	}
	return cells(ratios[1:])
}

func cells(ratios [][]float64) (row string) {
	for _, r := range ratios {
		slices.Sort(r)
		row += fmt.Sprintf(" %.2f (%.2f to %.2f) |", r[len(r)/2], r[len(r)/4], r[len(r)*3/4])
	}
	return row
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

func build(t *testing.T, dir, bin string, args ...string) {
	t.Helper()
	cmd := exec.Command("go", append([]string{"build", "-tags", "nomsgpack", "-trimpath", "-ldflags", "-s -w", "-o", bin}, args...)...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", cmd.Args, err, out)
	}
}

var env = []string{"PATH=" + os.Getenv("PATH"), "GOMAXPROCS=1", "ENV=prod", "TLS_MODE=files", "DOMAINS=shop.test",
	"TLS_CERT_FILE=cert.pem", "TLS_KEY_FILE=key.pem", "HTTP_ADDR=off"}
