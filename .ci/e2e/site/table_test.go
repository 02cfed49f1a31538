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

// table is what came of this run. It is written anew with each row, so that a test that fails loses none of another's.
var table = struct {
	sync.Mutex
	rows map[string][2]string
}{rows: map[string][2]string{}}

// row keeps what was measured, what came of it, and the bar, whatever becomes of the test.
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
