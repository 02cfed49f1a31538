//go:build linux

package bench

import (
	"encoding/json"
	"math"
	"path/filepath"
	"slices"
	"testing"

	"example.com/turnkey/e2e/rig"
)

// ratios is what testdata/ratios.json keeps of a run. The table, the picture and the test that make e2e runs read it.
type ratios struct {
	Servers []string `json:"servers"` // in the table's order
	Left    []string `json:"left_out,omitempty"`
	Rows    []row    `json:"rows"`
}

// row is a line of the table.
type row struct {
	Name    string            `json:"name"`
	Unit    string            `json:"unit,omitempty"` // without one a figure is the ratio to bare gin in the same round
	Figures map[string]figure `json:"figures"`        // by server
}

// figure is the median of all rounds, with the quartiles.
type figure struct {
	Median float64 `json:"median"`
	Lower  float64 `json:"lower"`
	Upper  float64 `json:"upper"`
}

var kept = filepath.Join("testdata", "ratios.json")

func readRatios(t *testing.T) (r ratios) {
	t.Helper()
	if err := json.Unmarshal(rig.Read(t, kept), &r); err != nil {
		t.Fatalf("%s: %v", kept, err)
	}
	return r
}

func (r ratios) write(t *testing.T) {
	t.Helper()
	data, err := json.MarshalIndent(r, "", "\t")
	if err != nil {
		t.Fatal(err)
	}
	rig.Write(t, kept, append(data, '\n'), 0o644)
}

func (r ratios) row(name string) (row, bool) {
	i := slices.IndexFunc(r.Rows, func(row row) bool { return row.Name == name })
	if i < 0 {
		return row{}, false
	}
	return r.Rows[i], true
}

// newRow makes a row of what each server cost in each round.
func newRow(name, unit string, servers []string, costs [][]float64) row {
	r := row{name, unit, map[string]figure{}}
	for i, server := range servers {
		var values []float64
		for round, cost := range costs[i] {
			if unit == "" {
				cost /= costs[0][round]
			}
			values = append(values, cost)
		}
		slices.Sort(values)
		n := len(values)
		r.Figures[server] = figure{digits(values[n/2]), digits(values[n/4]), digits(values[n*3/4])}
	}
	return r
}

// digits keeps three digits after the point.
func digits(f float64) float64 { return math.Round(f*1000) / 1000 }

// spread is how far the quartiles of bare gin's second run are from the first run.
func (r row) spread() float64 {
	f := r.Figures[again]
	return max(math.Abs(f.Lower-1), math.Abs(f.Upper-1))
}
