//go:build linux

package bench

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"example.com/turnkey/e2e/rig"
)

var (
	readme  = filepath.Join("..", "..", "README.md")
	picture = "ratios.svg"
)

// table returns the rows in Markdown.
func (r ratios) table() string {
	var out strings.Builder
	fmt.Fprintf(&out, "| bare gin = 1 | %s |\n|---|%s\n", strings.Join(r.Servers[1:], " | "), strings.Repeat("--:|", len(r.Servers)-1))
	for _, row := range r.Rows {
		name := row.Name
		if row.Unit != "" {
			name = fmt.Sprintf("%s, %s (bare gin: %s)", row.Name, row.Unit, row.Figures[bare].text(row.Unit))
		}
		fmt.Fprintf(&out, "| %s |", name)
		for _, server := range r.Servers[1:] {
			cell := ""
			if f, ok := row.Figures[server]; ok {
				cell = f.text(row.Unit) + " "
			}
			fmt.Fprintf(&out, " %s|", cell)
		}
		out.WriteString("\n")
	}
	if r.Left != nil {
		fmt.Fprintf(&out, "\nLeft out: %s.\n", strings.Join(r.Left, "; "))
	}
	return out.String()
}

// text returns the median with the quartiles, if they differ.
func (f figure) text(unit string) string {
	format := "%.2f"
	if unit != "" {
		format = "%.1f"
	}
	median, lower, upper := fmt.Sprintf(format, f.Median), fmt.Sprintf(format, f.Lower), fmt.Sprintf(format, f.Upper)
	if lower == upper {
		return median
	}
	return fmt.Sprintf("%s (%s to %s)", median, lower, upper)
}

// publish writes the table with the goals into the README, and the picture.
func (r ratios) publish(t *testing.T) {
	t.Helper()
	rig.Write(t, readme, []byte(r.inReadme(t)), 0o644)
	rig.Write(t, picture, []byte(r.bars()), 0o644)
}

// inReadme returns the README with the table and the goals between its marks.
func (r ratios) inReadme(t *testing.T) string {
	t.Helper()
	const begin, end = "<!-- make bench writes this -->\n", "<!-- to here -->"
	before, rest, ok := strings.Cut(string(rig.Read(t, readme)), begin)
	_, after, both := strings.Cut(rest, end)
	if !ok || !both {
		t.Fatalf("%s has no lines %q and %q", readme, begin, end)
	}
	return before + begin + "\n" + r.table() + "\n" + r.goals() + "\n" + end + after
}

// The table and the picture are what the file says, so that a figure is changed in one place, by a run.
func TestTableAndPictureAreOfTheFile(t *testing.T) {
	r := readRatios(t)
	if r.inReadme(t) != string(rig.Read(t, readme)) {
		t.Errorf("%s differs from %s; make bench writes both", readme, kept)
	}
	if svg := r.bars(); svg != string(rig.Read(t, picture)) || len(svg) > 8<<10 {
		t.Errorf("%s differs from %s, or is larger than 8 KiB: %d bytes", picture, kept, len(svg))
	}
}
