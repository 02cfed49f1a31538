package site

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
)

// moreAllocations is how many the whole chain may add to a request: two for its id and one for its line in the log, and
// one less for the client's address, which gin looks up more slowly.
const moreAllocations = 2

// The test compares the whole chain with bare gin. Allocations have a limit. Time has none, since it depends on the
// machine.
func TestChainAddsFewAllocations(t *testing.T) {
	cmd := exec.Command("go", "test", "-tags", "nomsgpack", "-run", "^$", "-bench", "^BenchmarkRouter$", "-benchmem", "-count", "5", "./app/internal/command")
	cmd.Dir = filepath.Join("..", "..", "..")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("go test: %v\n%s", err, out)
	}
	type figures struct{ ns, allocs int }
	best := map[string]figures{}
	for _, m := range regexp.MustCompile(`(?m)^BenchmarkRouter/(\w+)-?\d*\s+\d+\s+([\d.]+) ns/op\s+\d+ B/op\s+(\d+) allocs/op`).FindAllStringSubmatch(string(out), -1) {
		ns, _ := strconv.ParseFloat(m[2], 64)
		allocs, _ := strconv.Atoi(m[3])
		if was, ok := best[m[1]]; !ok || int(ns) < was.ns {
			best[m[1]] = figures{int(ns), allocs}
		}
	}
	bare, chain := best["bare"], best["chain"]
	if bare.ns == 0 || chain.ns == 0 {
		t.Fatalf("no figures in\n%s", out)
	}
	more := chain.allocs - bare.allocs
	row(t, "chain, beside bare gin", fmt.Sprintf("%d ns and %d allocations more on %d ns and %d", chain.ns-bare.ns, more, bare.ns, bare.allocs), fmt.Sprintf("%d allocations more", moreAllocations))
	if more > moreAllocations {
		t.Errorf("%d allocations more than bare gin, want %d or fewer", more, moreAllocations)
	}
}
