// Package handlers is yours: the pages and endpoints of the site, a file each. Routes lists all of them.
package handlers

import (
	"github.com/gin-gonic/gin"

	"example.com/turnkey/app/kit"
)

// Routes registers every route. Routes that belong together can have a function of their own, beside their handlers.
// Open what handlers need (a database, a mailer) here, and pass it to these functions: if one is missing, the code does
// not compile. An error that Routes returns stops the start.
func Routes(r *gin.Engine, server kit.Server) error {
	if err := account(r, server); err != nil { // first: it tells the layout of all pages who is signed in
		return err
	}
	connection(r, server)
	notes(r, server)
	r.GET("/", home(server))

	r.GET("/healthz", kit.Healthz)
	r.GET("/readyz", kit.Readyz(server.Ready))
	return nil
}
