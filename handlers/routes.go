// Package handlers is yours: the pages and endpoints of the site, a file each. Routes is the whole map.
package handlers

import (
	"github.com/gin-gonic/gin"

	"example.com/turnkey/app/kit"
)

// Routes registers every route. What handlers need (a database, a mailer) is opened here and given to the functions that make
// them, so that a forgotten one does not compile. An error returned here stops the start.
func Routes(r *gin.Engine, server kit.Server) error {
	r.GET("/", Home(server))
	r.GET("/api/connection", Connection(server))
	notes(r, server) // the example, /notes

	r.GET("/healthz", kit.Healthz)
	r.GET("/readyz", kit.Readyz(server.Ready))
	return nil
}
