package site

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"

	"example.com/turnkey/e2e/rig"
)

// table has the results of this run. It is written again with each row, so that a failed test loses no other row.
var table = struct {
	sync.Mutex
	rows map[string][2]string
}{rows: map[string][2]string{}}

// row adds what was measured, the result and the limit, whether the test passes or fails.
func row(t *testing.T, what, figure, bar string) {
	t.Helper()
	t.Logf("%s: %s (bar: %s)", what, figure, bar)
	table.Lock()
	defer table.Unlock()
	table.rows[what] = [2]string{figure, bar}
	var text strings.Builder
	w := tabwriter.NewWriter(&text, 0, 0, 3, ' ', 0)
	fmt.Fprintln(w, "measured\tfigure\tbar")
	for _, what := range slices.Sorted(maps.Keys(table.rows)) {
		fmt.Fprintf(w, "%s\t%s\t%s\n", what, table.rows[what][0], table.rows[what][1])
	}
	w.Flush()
	rig.Write(t, filepath.Join("..", "artifacts", "site.txt"), []byte(text.String()), 0o644)
}
