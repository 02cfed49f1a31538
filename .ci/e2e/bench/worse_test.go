//go:build linux

package bench

import (
	"fmt"
	"slices"
	"testing"

	"example.com/turnkey/e2e/rig"
)

// No request may cost more than the kept ratios say. The processor and the load of the machine must not matter, so the
// verdict is that of instructions and of system calls. The kernel's share of processor time differs between machines: a
// request over HTTP/1.1 is 1.2 times bare gin's in time and 1.4 times in instructions. So time finds gross changes only.
func TestNothingIsSlowerThanKept(t *testing.T) {
	if *all {
		t.Skip("make bench keeps new ratios")
	}
	rig.Need(t, "valgrind", "taskset")
	was, dir := readRatios(t), site(t)
	clientsElsewhere(t)
	servers := startAll(t, dir, []kind{bareGin, again2, starter}, false)
	for _, r := range requests {
		if slices.Contains(counted, r.name) {
			once(t, func() (bool, string) { return compare(t, was, instructions(t, dir, r.name, r.request, 1), 0.07) })
		}
		if r.path == "/json" {
			once(t, func() (bool, string) { return compare(t, was, processorTime(t, servers, r.name, r.request, 5), 0.40) })
			once(t, func() (bool, string) {
				got, bare := servers[2].writes(t, r.request), servers[0].writes(t, r.request)
				return got <= bare+0.3, fmt.Sprintf("writes, %s: %.2f a request, and %.2f with bare gin", r.name, got, bare)
			})
		}
	}
}

// once fails if check fails three times.
func once(t *testing.T, check func() (ok bool, result string)) {
	t.Helper()
	for try := 1; ; try++ {
		ok, result := check()
		if t.Log(result); ok {
			return
		} else if try == 3 {
			t.Error("three times worse: ", result)
			return
		}
	}
}

// compare compares a row with the one that is kept. Both runs of the control say how far a figure can be trusted, and
// tolerance is what another machine, kernel or valgrind changes.
func compare(t *testing.T, was ratios, now row, tolerance float64) (ok bool, result string) {
	t.Helper()
	kept, has := was.row(now.Name)
	if !has {
		t.Fatalf("%s has no row %q; make bench measures it", "testdata/ratios.json", now.Name)
	}
	got, limit := now.Figures[ours].Median, kept.Figures[ours].Median*(1+kept.spread()+now.spread()+tolerance)
	return got <= limit, fmt.Sprintf("%s: %.3f times bare gin, kept is %.3f, and the control (%.3f now, %.3f then) allows %.3f",
		now.Name, got, kept.Figures[ours].Median, now.spread(), kept.spread(), limit)
}
