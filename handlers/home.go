package handlers

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"example.com/turnkey/app/kit"
)

// firstPage is what web/templates/home.html gets.
type firstPage struct {
	page
	Production bool
	TLSMode    string // local, acme, files or proxy
}

// home returns the handler of the first page, web/templates/home.html.
func home(server kit.Server) gin.HandlerFunc {
	return func(c *gin.Context) {
		c.HTML(http.StatusOK, "home", firstPage{newPage(c, ""), server.Production(), server.TLSMode()})
	}
}
