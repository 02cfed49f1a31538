package server

import (
	"fmt"
	"maps"
	"slices"

	"github.com/gin-gonic/gin"

	"example.com/turnkey/app/internal/spelling"
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
	var known []string
	for _, r := range routes {
		known = append(known, r.Path)
	}
	for _, pattern := range patterns {
		if slices.Contains(known, pattern) {
			continue
		}
		fix := "write the pattern as handlers/routes.go has it, such as /api/pictures or /shops/:shop/picture"
		if near := spelling.Nearest(pattern, known, len(pattern)/3); near != "" {
			fix = fmt.Sprintf("is %q meant? Write the pattern as handlers/routes.go has it", near)
		}
		faults = append(faults, settings.Fault{Setting: table, Value: pattern,
			Problem: "is no route's pattern, so it applies to no request", Fix: fix})
	}
	return faults
}
