package handlers

import (
	"net/http"

	"github.com/gin-gonic/gin"
)

// Home is the page that a visitor sees first.
func Home(site Site) gin.HandlerFunc {
	describe := describer(site)
	return func(c *gin.Context) {
		c.Header("Cache-Control", "no-store") // it is about this very connection
		c.HTML(http.StatusOK, "home", describe(c))
	}
}
