package handlers

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"example.com/turnkey/app/kit"
)

// Home is the page that a visitor sees first.
func Home(server kit.Server) gin.HandlerFunc {
	describe := describer(server)
	return func(c *gin.Context) {
		c.Header("Cache-Control", "no-store") // it is about this very connection
		c.HTML(http.StatusOK, "home", describe(c))
	}
}
