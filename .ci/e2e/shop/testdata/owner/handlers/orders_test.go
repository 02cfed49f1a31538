package handlers

import (
	"net/url"
	"testing"
)

var ada = url.Values{"email": {"ada@site.test"}, "password": {"four words of mine"}}

func TestAnOrderNeedsAnAccount(t *testing.T) {
	t.Parallel()
	site := startShop(t)
	order := map[string]int{"product": 1, "count": 7}
	want(t, site.PostJSON("/api/orders", order), 401, "Sign in first")
	site.PostForm("/register", ada)
	want(t, site.PostJSON("/api/orders", order), 201, `"total":3150`)
	want(t, site.PostJSON("/api/orders", order), 409, "less in stock")
	want(t, site.Get("/orders"), 200, "7 × Sencha")
	want(t, site.Get("/api/products"), 200, `"stock":5`)
	want(t, site.Get("/desk/product"), 403, "for admins")
}

func TestAnOrderSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	site := startShop(t)
	site.PostForm("/register", ada)
	want(t, site.PostJSON("/api/orders", map[string]int{"product": 1, "count": 0}), 422, "#/count")
	want(t, site.PostJSON("/api/orders", map[string]int{"product": 7, "count": 1}), 422, "#/product")
	want(t, site.PostForm("/orders", nil), 409, "The cart is empty")
}
