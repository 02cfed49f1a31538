package handlers

import (
	"github.com/gin-gonic/gin"

	"example.com/turnkey/app/kit"
	"example.com/turnkey/middleware"
)

// page is what web/templates/layout.html needs. A page with data of its own embeds it:
//
//	type cartPage struct {
//		page
//		Items []item
//	}
//
//	c.HTML(200, "cart", cartPage{newPage(c, "Cart"), items})
type page struct {
	Title       string // empty: the site's name
	Description string // for search engines; empty: that of the site
	User        string // who has signed in, or empty
	Flash       string // what kit.Flash said on the request before
}

// newPage returns the page value of a request. A middleware that knows who has signed in sets "user": c.Set("user", …).
func newPage(c *gin.Context, title string) page {
	return page{Title: title, User: c.GetString("user"), Flash: kit.Flashed(c)}
}

// errorPage is what web/templates/error.html gets.
type errorPage struct {
	page
	Problem middleware.Problem
}

func newErrorPage(c *gin.Context, p middleware.Problem) any {
	return errorPage{newPage(c, p.Title), p}
}
