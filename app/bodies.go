package main

import (
	"fmt"
	"maps"
	"slices"

	"github.com/gin-gonic/gin"
)

// bodies are what routes take beside JSON and forms of up to bodyLimit bytes, by their pattern.
type bodies struct {
	limits map[string]int64    // handlers.BodyLimits
	types  map[string][]string // handlers.BodyTypes
}

// useless reports the patterns that are no route's. What stands under one holds for no request, and the route that was
// meant has the default.
func (b bodies) useless(routes gin.RoutesInfo) []fault {
	return slices.Concat(
		uselessPatterns("handlers.BodyLimits", slices.Sorted(maps.Keys(b.limits)), routes),
		uselessPatterns("handlers.BodyTypes", slices.Sorted(maps.Keys(b.types)), routes))
}

func uselessPatterns(table string, patterns []string, routes gin.RoutesInfo) []fault {
	var faults []fault
	for _, pattern := range patterns {
		if slices.ContainsFunc(routes, func(r gin.RouteInfo) bool { return r.Path == pattern }) {
			continue
		}
		fix := "write the pattern as handlers/routes.go has it, such as /api/pictures or /shops/:shop/picture"
		if near := nearestPattern(pattern, routes); near != "" {
			fix = fmt.Sprintf("is %q meant? Write the pattern as handlers/routes.go has it", near)
		}
		faults = append(faults, fault{Setting: table, Value: pattern, Problem: "is no route's pattern, so it holds for no request", Fix: fix})
	}
	return faults
}

// nearestPattern is the route that needs the fewest letters changed, if those are no more than a third of the pattern.
func nearestPattern(pattern string, routes gin.RoutesInfo) (near string) {
	best := len(pattern)/3 + 1
	for _, r := range routes {
		if d := distance(pattern, r.Path); d < best {
			near, best = r.Path, d
		}
	}
	return near
}

// distance is how many bytes have to be put in, taken out or changed to make b of a (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
