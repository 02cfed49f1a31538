// Package spelling finds the name that a misspelt one means: of a setting, a route, a page or a field.
package spelling

import "strings"

// Nearest returns the known name that name most probably means: the first of those that take the fewest typing errors,
// at most limit of them. It returns "" if there is none. A typing error is a byte wrong, missing or added, or two
// swapped. Upper and lower case are the same.
func Nearest(name string, known []string, limit int) (near string) {
	best := limit + 1
	for _, k := range known {
		if d := errorsBetween(strings.ToLower(name), strings.ToLower(k)); d < best {
			near, best = k, d
		}
	}
	return near
}

// errorsBetween is the optimal string alignment distance.
func errorsBetween(a, b string) int {
	var before, last []int // the rows for the two previous prefixes of a
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before, last, row = last, row, make([]int, len(b)+1)
		row[0] = i + 1
		for j := range len(b) {
			wrong := last[j]
			if a[i] != b[j] {
				wrong++
			}
			row[j+1] = min(wrong, row[j]+1, last[j+1]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
	}
	return row[len(b)]
}
