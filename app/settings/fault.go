package settings

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"example.com/turnkey/tlsconfig/setting"
)

// Fault is one thing that is wrong with a setting, or with the file or address that it names.
type Fault = setting.Fault

// Faults are all reasons why nothing was started, as one error.
type Faults []Fault

func (l Faults) Error() string {
	var lines []string
	for _, f := range l {
		lines = append(lines, f.Error())
	}
	return strings.Join(lines, "\n")
}

// Print lists the faults for a person: what is wrong, and below it what to do.
func (l Faults) Print(w io.Writer, project string) {
	noun := "things are"
	if len(l) == 1 {
		noun = "thing is"
	}
	fmt.Fprintf(w, "%s: %d %s wrong; nothing was started\n\n", project, len(l), noun)
	for _, f := range l {
		name := f.Setting
		if f.Value != "" {
			name += fmt.Sprintf("=%q", f.Value)
		}
		fmt.Fprintf(w, "  %s: %s\n      → %s\n", name, f.Problem, f.Fix)
	}
	fmt.Fprintln(w)
}

// AndThen returns l and the faults that later checks found. If a later check calls a setting missing, and l has a
// fault of that setting or of .env, AndThen drops it: the setting is there, but was refused or not read.
func (l Faults) AndThen(later []Fault) Faults {
	out := slices.Clone(l)
	for _, f := range later {
		hides := func(g Fault) bool { return g.Setting == f.Setting || g.Setting == ".env" }
		if f.Value != "" || !slices.ContainsFunc(l, hides) {
			out = append(out, f)
		}
	}
	return out
}
