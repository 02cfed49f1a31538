//go:build linux

package bench

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
)

const allocationsRow = "allocations of the chain beside bare gin"

var routerBenchmark = regexp.MustCompile(`(?m)^BenchmarkRouter/(\w+).* (\d+) allocs/op`)

// allocations returns how many allocations a request has more than with bare gin, by the benchmark of the production chain
// with a listed host.
func allocations(t *testing.T) row {
	t.Helper()
	cmd := exec.Command("go", "test", "-tags", "nomsgpack", "-run", "^$", "-bench", "^BenchmarkRouter$", "-benchmem", "-benchtime", "5000x", "./app/internal/command")
	cmd.Dir = filepath.Join("..", "..", "..")
	out, err := cmd.CombinedOutput()
	allocs := map[string]float64{}
	for _, m := range routerBenchmark.FindAllStringSubmatch(string(out), -1) {
		allocs[m[1]] = number(t, m[2])
	}
	if err != nil || len(allocs) != 2 {
		t.Fatalf("BenchmarkRouter: %v\n%s", err, out)
	}
	return newRow(allocationsRow, "a request", []string{bare, ours}, [][]float64{{0}, {allocs["chain"] - allocs["bare"]}})
}
