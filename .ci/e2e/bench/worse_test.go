//go:build linux

package bench

import (
	"fmt"
	"slices"
	"testing"

	"example.com/turnkey/e2e/rig"
)

const briefRounds = 9

// No request may cost more than the kept ratios say, by more than what two runs of bare gin differ. Instructions find a
// small change; processor time finds work of the kernel and waits that use a processor.
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
			notWorse(t, was, 0.05, func() row { return instructions(t, dir, r.name, r.request) })
		}
		if r.path == "/json" {
			notWorse(t, was, 0.15, func() row { return processorTime(t, servers, r.name, r.request, briefRounds) })
		}
	}
}

// notWorse measures a row, and once more if it is worse than it was.
func notWorse(t *testing.T, was ratios, tolerance float64, measure func() row) {
	t.Helper()
	var err error
	for range 2 {
		now := measure()
		kept, ok := was.row(now.Name)
		if !ok {
			t.Errorf("%s has no row %q; make bench measures it", "testdata/ratios.json", now.Name)
			return
		}
		if err = worse(kept, now, tolerance); err == nil {
			return
		}
		t.Log("first of two: ", err)
	}
	t.Error(err)
}

// worse compares a row with the one that is kept. Both runs of the control say how far a figure can be trusted, and
// tolerance is what another machine, kernel or valgrind changes.
func worse(kept, now row, tolerance float64) error {
	limit := kept.Figures[ours].Median * (1 + kept.spread() + now.spread() + tolerance)
	if got := now.Figures[ours].Median; got > limit {
		return fmt.Errorf("%s: %.3f times bare gin, kept is %.3f, and the control (%.3f now, %.3f then) allows %.3f", now.Name, got,
			kept.Figures[ours].Median, now.spread(), kept.spread(), limit)
	}
	return nil
}
