package handlers

import (
	"net/http"

	"github.com/gin-gonic/gin"
)

// home is the first page, web/templates/home.html.
func home(c *gin.Context) {
	c.HTML(http.StatusOK, "home", newPage(c, ""))
}
