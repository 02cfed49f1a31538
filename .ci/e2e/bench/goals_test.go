//go:build linux

package bench

import (
	"fmt"
	"strings"
)

// goal is the most that a row of ours should be: a number, or a share of another server's figure in the same row.
type goal struct {
	row, beside string
	most        float64
}

var goals = []goal{
	{"small JSON, HTTP/1.1", "", 1.30}, {"small JSON, HTTP/2", "", 1.30},
	{"small JSON, HTTP/1.1", usual, 0.70}, {"small JSON, HTTP/2", usual, 0.70},
	{"small JSON, HTTP/1.1", behind, 1}, {"small JSON, HTTP/2", behind, 1},
	{"page, HTTP/1.1", usual, 0.60}, {"page, HTTP/2", usual, 0.60},
	{"page, gzip accepted, HTTP/1.1", usual, 0.60}, {"page, gzip accepted, HTTP/2", usual, 0.60},
	{"stylesheet of 16 KiB, HTTP/1.1", "", 0.90}, {"stylesheet of 16 KiB, HTTP/2", "", 0.90},
	{"an idle connection after a collection, HTTP/1.1", bare, 1}, {"an idle connection after a collection, HTTP/2", "", 27},
	{"start to the first page", "", 15}, {allocationsRow, "", 2},
}

// goals returns the table of the goals in Markdown. They are reported, and no test fails when one is missed.
func (r ratios) goals() string {
	var out strings.Builder
	out.WriteString("| goal of ours | at most | measured | |\n|---|--:|--:|---|\n")
	for _, g := range goals {
		row, _ := r.row(g.row)
		figure, known := row.Figures[ours]
		value, name := figure.Median, g.row
		if g.beside != "" {
			other, has := row.Figures[g.beside]
			value, known, name = value/other.Median, known && has, name+", beside "+g.beside
		}
		verdict := "met"
		switch {
		case !known:
			fmt.Fprintf(&out, "| %s | %.2f | | not measured |\n", name, g.most)
			continue
		case value > g.most:
			verdict = "**missed**"
		}
		unit := ""
		if g.beside == "" && row.Unit != "" {
			unit = " " + row.Unit
		}
		fmt.Fprintf(&out, "| %s | %.2f%s | %.2f%[3]s | %[5]s |\n", name, g.most, unit, value, verdict)
	}
	return out.String()
}
