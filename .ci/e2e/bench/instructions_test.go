//go:build linux

package bench

import (
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/turnkey/e2e/rig"
)

// counted are the requests whose instructions are counted.
var counted = []string{"small JSON, HTTP/1.1", "small JSON, HTTP/2", "stylesheet of 16 KiB, HTTP/2"}

const (
	instructionRounds = 3   // of make bench
	fewRequests       = 100 // with these a process has started, and all that it does once is done
	manyRequests      = 2100
)

// instructions returns the row of the instructions that a server executes for a request, as valgrind counts them. Other
// work on this machine hardly changes them, unlike processor time, so a small difference shows. What the kernel does is
// left out.
func instructions(t *testing.T, dir, name string, r request, rounds int) row {
	t.Helper()
	rig.Need(t, "valgrind")
	kinds := []kind{bareGin, again2, starter}
	costs := make([][]float64, len(kinds))
	for i := range kinds {
		costs[i] = make([]float64, rounds)
	}
	two := make(chan struct{}, 2) // processes at once, which does not change what they execute
	t.Run(name, func(t *testing.T) {
		for round := range rounds {
			for i, k := range kinds {
				t.Run(k.name, func(t *testing.T) {
					t.Parallel()
					two <- struct{}{}
					defer func() { <-two }()
					costs[i][round] = (count(t, dir, k, r, manyRequests) - count(t, dir, k, r, fewRequests)) / (manyRequests - fewRequests)
				})
			}
		}
	})
	return newRow("instructions, "+name, "", names(kinds), costs)
}

var refs = regexp.MustCompile(`I +refs: +([\d,]+)`)

// count returns how many instructions a process executes that starts, answers n requests, one after the other, and ends
// when it has nothing more to do: the starter goes on with its start when it serves already.
func count(t *testing.T, dir string, k kind, r request, n int) float64 {
	t.Helper()
	out := filepath.Join(t.TempDir(), "valgrind")
	k.under = []string{"valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null", "--log-file=" + out}
	s := start(t, dir, k, false)
	exchange := s.open(t, r, 1, 1)[0]
	for range n {
		if _, err := exchange(); err != nil {
			t.Fatalf("%s %v: %v", k.name, r, err)
		}
	}
	// On a busy machine a process may wait for a processor and still have much to do.
	for ran, waited := 0.0, 0.0; ; time.Sleep(300 * time.Millisecond) {
		lastRan, lastWaited := ran, waited
		if ran, waited = s.scheduled(t); ran-lastRan < 5e6 && waited-lastWaited < 1e8 {
			break
		}
	}
	s.cmds[0].Process.Signal(syscall.SIGTERM)
	s.cmds[0].Wait()
	m := refs.FindSubmatch(rig.Read(t, out))
	if m == nil {
		t.Fatalf("%s under valgrind:\n%s", k.name, rig.Read(t, out))
	}
	return number(t, strings.ReplaceAll(string(m[1]), ",", ""))
}
