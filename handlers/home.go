package handlers

import (
	"net/http"

	"github.com/gin-gonic/gin"
)

// home is the first page, web/templates/home.html. What you pass in place of nil is {{.}} in the template.
func home(c *gin.Context) {
	c.HTML(http.StatusOK, "home", nil)
}
