package handlers

import (
	"crypto/rand"

	"github.com/gin-gonic/gin"

	"example.com/you/shop/app/kit"
)

type ordersPage struct {
	page
	Orders []order
}

func (s *shop) orderRoutes(r *gin.Engine) {
	orders := r.Group("/orders", kit.E(onlyUsers))
	orders.GET("", kit.E(s.showOrders))
	orders.POST("", kit.E(s.orderCart))
	r.POST("/api/orders", kit.E(onlyUsers), kit.E(s.orderProduct))
}

func (s *shop) showOrders(c *gin.Context) error {
	orders, err := s.orders(c.Request.Context(), signedIn(c).Email)
	if err != nil {
		return err
	}
	c.HTML(200, "orders", ordersPage{newPage(c, "Your orders"), orders})
	return nil
}

func (s *shop) orderCart(c *gin.Context) error {
	if _, err := s.order(c.Request.Context(), signedIn(c).Email, kit.Cookie(c, "cart")); err != nil {
		return err
	}
	kit.Flash(c, "Thank you. Your tea is on its way.")
	c.Redirect(303, "/orders")
	return nil
}

// orderProduct is the API. It orders a cart of its own, with one product.
func (s *shop) orderProduct(c *gin.Context) error {
	var in cartInput
	if err := kit.Bind(c, &in); err != nil {
		return err
	}
	cart := rand.Text()
	if err := s.fillCart(c.Request.Context(), cart, in); err != nil {
		return err
	}
	made, err := s.order(c.Request.Context(), signedIn(c).Email, cart)
	if err != nil {
		return err
	}
	c.JSON(201, made)
	return nil
}
