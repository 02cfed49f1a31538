package server

import (
	"fmt"
	"maps"
	"slices"

	"github.com/gin-gonic/gin"

	"example.com/turnkey/app/kit"
	"example.com/turnkey/app/settings"
)

// unmatchedBodies returns a fault for every pattern in BodyLimits and BodyTypes that no route has. Such a pattern would
// apply to no request, and the route that the owner meant would keep the default.
func unmatchedBodies(site kit.Site, routes gin.RoutesInfo) settings.Faults {
	return slices.Concat(
		unmatchedPatterns("BodyLimits", slices.Sorted(maps.Keys(site.BodyLimits)), routes),
		unmatchedPatterns("BodyTypes", slices.Sorted(maps.Keys(site.BodyTypes)), routes))
}

func unmatchedPatterns(table string, patterns []string, routes gin.RoutesInfo) settings.Faults {
	var faults settings.Faults
	for _, pattern := range patterns {
		if slices.ContainsFunc(routes, func(r gin.RouteInfo) bool { return r.Path == pattern }) {
			continue
		}
		fix := "write the pattern as handlers/routes.go has it, such as /api/pictures or /shops/:shop/picture"
		if near := nearestPattern(pattern, routes); near != "" {
			fix = fmt.Sprintf("is %q meant? Write the pattern as handlers/routes.go has it", near)
		}
		faults = append(faults, settings.Fault{Setting: table, Value: pattern,
			Problem: "is no route's pattern, so it applies to no request", Fix: fix})
	}
	return faults
}

// nearestPattern returns the route's pattern that differs from the given one in the fewest bytes, or "" if every one
// differs in more than a third of the given one's bytes.
func nearestPattern(pattern string, routes gin.RoutesInfo) (near string) {
	best := len(pattern)/3 + 1
	for _, r := range routes {
		if d := distance(pattern, r.Path); d < best {
			near, best = r.Path, d
		}
	}
	return near
}

// distance returns the Levenshtein distance of two strings: how many bytes to insert, delete or replace to turn a into
// b.
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
