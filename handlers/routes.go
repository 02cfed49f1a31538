// Package handlers is yours: the pages and endpoints of the site, a file each. Routes is the whole map.
package handlers

import "github.com/gin-gonic/gin"

// BodyLimits are routes that take larger bodies than the 1 MiB of all others, in bytes, by their pattern. A pattern that no
// route has stops the start, here and in BodyTypes:
//
//	"/api/pictures": 20 << 20,
var BodyLimits = map[string]int64{}

// BodyTypes are routes that take XML, YAML, TOML, BSON or protobuf, which other routes answer 415, by their pattern. All
// routes take JSON and forms, and types for which gin has no parser (image/png) reach the handler as they are:
//
//	"/feed": {"application/xml", "text/xml"},
//
// Allow YAML only for clients that you trust: a few hundred bytes of it can fill the memory.
var BodyTypes = map[string][]string{}

// Routes puts every route in place. What handlers need (a database, a mailer) becomes a parameter here and in the
// functions that make them, so that a forgotten one does not compile.
func Routes(r *gin.Engine, site Site) {
	r.GET("/", Home(site))
	r.GET("/api/connection", Connection(site))
	notes(r, site) // the example, /notes

	r.GET("/healthz", Healthz)
	r.GET("/readyz", Readyz(site.Ready))
}
