package handlers

import (
	"crypto/rand"
	"time"

	"github.com/gin-gonic/gin"

	"example.com/you/shop/app/kit"
)

// cartInput is what the forms and the API send.
type cartInput struct {
	Product int64 `form:"product" json:"product" binding:"required"`
	Count   int   `form:"count,default=1" json:"count" binding:"min=1,max=100"`
}

type cartPage struct {
	page
	Lines []cartLine
	Total cents
}

func (s *shop) showCart(c *gin.Context) error {
	lines, err := s.cart(c.Request.Context(), kit.Cookie(c, "cart"))
	if err != nil {
		return err
	}
	p := cartPage{page: newPage(c, "Your cart"), Lines: lines}
	for _, line := range lines {
		p.Total += line.Total()
	}
	c.Header("Cache-Control", "no-store") // another visitor must not see it
	c.HTML(200, "cart", p)
	return nil
}

func (s *shop) addToCart(c *gin.Context) error {
	var in cartInput
	if err := kit.Bind(c, &in); err != nil {
		return err
	}
	cart := kit.Cookie(c, "cart")
	if cart == "" {
		cart = rand.Text()
		kit.SetCookie(c, "cart", cart, 30*24*time.Hour)
	}
	if err := s.fillCart(c.Request.Context(), cart, in); err != nil {
		return err
	}
	c.Redirect(303, "/cart")
	return nil
}

func (s *shop) removeFromCart(c *gin.Context) error {
	_, err := s.ExecContext(c.Request.Context(), `DELETE FROM carts WHERE cart = ? AND product = ?`,
		kit.Cookie(c, "cart"), c.Param("product"))
	if err != nil {
		return err
	}
	c.Redirect(303, "/cart")
	return nil
}
