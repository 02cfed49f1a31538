package command

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// faultList is every reason why nothing was started, as one error.
type faultList []fault

func (l faultList) Error() string {
	var lines []string
	for _, f := range l {
		lines = append(lines, f.Error())
	}
	return strings.Join(lines, "\n")
}

// print lists the faults for a person: what is wrong, and below it what to do.
func (l faultList) print(w io.Writer) {
	noun := "things are"
	if len(l) == 1 {
		noun = "thing is"
	}
	fmt.Fprintf(w, "%s: %d %s wrong; nothing was started\n\n", project(), len(l), noun)
	for _, f := range l {
		name := f.Setting
		if f.Value != "" {
			name += fmt.Sprintf("=%q", f.Value)
		}
		fmt.Fprintf(w, "  %s: %s\n      → %s\n", name, f.Problem, f.Fix)
	}
	fmt.Fprintln(w)
}

// andThen adds what later checks found, save that a setting is missing whose value was refused before.
func andThen(faults, later []fault) []fault {
	out := slices.Clone(faults)
	for _, f := range later {
		if f.Value != "" || !slices.ContainsFunc(faults, func(g fault) bool { return g.Setting == f.Setting }) {
			out = append(out, f)
		}
	}
	return out
}
