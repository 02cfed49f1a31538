// Command site is a site of the starter with a page, a stylesheet and an answer in JSON.
package main

import (
	"os"

	"github.com/gin-gonic/gin"

	"example.com/turnkey/app/internal/command"
	"example.com/turnkey/app/kit"
)

func main() {
	os.Exit(command.Run(kit.Site{
		Files: os.DirFS("web"),
		Routes: func(r *gin.Engine, _ kit.Server) error {
			r.GET("/json", func(c *gin.Context) {
				c.Header("Cache-Control", "no-store")
				c.JSON(200, gin.H{"id": 12, "name": "chair", "price": 49.5, "stock": true})
			})
			r.GET("/page", func(c *gin.Context) { c.HTML(200, "page", []string{"chair", "table", "lamp"}) })
			return nil
		},
	}))
}
