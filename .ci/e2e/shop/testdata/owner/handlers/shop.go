package handlers

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"example.com/you/shop/app/kit"
)

var shopSettings = []kit.Setting{{
	Name: "CART_LIFE", About: "How long a cart is kept after its last change, such as 90m.", Default: "48h",
	Check: func(value string) error { _, err := time.ParseDuration(value); return err },
}}

var shopCommands = []kit.Command{{Name: "addproduct", About: "NAME CENTS NUMBER: add a product", Run: addProduct}}

type shop struct {
	store
	pictures string // the folder of the products' pictures
	server   kit.Server
}

func openShop(server kit.Server) (*shop, error) {
	store, dir, err := openStore(server)
	if err != nil {
		return nil, err
	}
	server.OnStop(func(context.Context) error { return store.Close() })
	life, _ := time.ParseDuration(server.Setting("CART_LIFE")) // was checked
	server.Once("remove abandoned carts", time.Minute, func(ctx context.Context) error {
		_, err := store.ExecContext(ctx, `DELETE FROM carts WHERE changed < ?`, time.Now().Add(-life).Unix())
		return err
	})
	return &shop{store, filepath.Join(dir, "pictures"), server}, nil
}

// routes are the pages and the API that need no account.
func (s *shop) routes(r *gin.Engine) {
	r.GET("/", kit.E(s.home))
	r.Static("/pictures", s.pictures)
	r.GET("/api/products", kit.E(s.list))
	r.GET("/events", kit.E(s.events))
	r.GET("/cart", kit.E(s.showCart))
	r.POST("/cart", kit.E(s.addToCart))
	r.POST("/cart/:product/remove", kit.E(s.removeFromCart))
	r.GET("/support", func(c *gin.Context) { c.HTML(200, "support", newPage(c, "Ask us")) })
	r.GET("/support/chat", kit.E(s.chat))
}

type homePage struct {
	page
	Products []product
}

func (s *shop) home(c *gin.Context) error {
	products, err := s.products(c.Request.Context())
	if err != nil {
		return err
	}
	c.HTML(200, "home", homePage{newPage(c, ""), products})
	return nil
}

func (s *shop) list(c *gin.Context) error {
	products, err := s.products(c.Request.Context())
	if err != nil {
		return err
	}
	c.JSON(200, products)
	return nil
}

// events sends the products every two seconds, with what another process has changed.
func (s *shop) events(c *gin.Context) error {
	if err := kit.Stream(c); err != nil {
		return err
	}
	for every := time.Tick(2 * time.Second); ; {
		products, err := s.products(c.Request.Context())
		if err != nil {
			return err
		}
		if err := kit.Event(c, "products", products); err != nil {
			return nil // the visitor has left
		}
		select {
		case <-every:
		case <-s.server.Stopping():
			return nil
		case <-c.Request.Context().Done():
			return nil
		}
	}
}

func addProduct(ctx context.Context, call kit.Call) error {
	if len(call.Args) != 3 {
		return errors.New(`write: addproduct "Green tea" 450 12`)
	}
	p := product{Name: call.Args[0]}
	if _, err := fmt.Sscan(strings.Join(call.Args[1:], " "), &p.Price, &p.Stock); err != nil {
		return err
	}
	store, _, err := openStore(call)
	if err != nil {
		return err
	}
	defer store.Close()
	return store.addProduct(ctx, p)
}
