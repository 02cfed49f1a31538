package handlers

import (
	"net/url"
	"strings"
	"testing"

	"example.com/you/shop/app/apptest"
)

// startShop starts the shop with 12 of product 1, Sencha.
func startShop(t *testing.T) *apptest.Site {
	t.Helper()
	dir := "DATA_DIR=" + t.TempDir()
	if _, status := apptest.Run(t, Site, []string{"addproduct", "Sencha", "450", "12"}, dir); status != 0 {
		t.Fatalf("addproduct ends with %d", status)
	}
	return apptest.Start(t, Site, dir)
}

func want(t *testing.T, got *apptest.Answer, status int, text string) {
	t.Helper()
	if got.Status != status || !strings.Contains(got.Body, text) {
		t.Errorf("got %d, want %d with %q:\n%s", got.Status, status, text, got.Body)
	}
}

func TestACartBelongsToItsVisitor(t *testing.T) {
	t.Parallel()
	site := startShop(t)
	want(t, site.Get("/"), 200, "Sencha")
	site.PostForm("/cart", url.Values{"product": {"1"}})
	site.PostForm("/cart", url.Values{"product": {"1"}})
	want(t, site.Get("/cart"), 200, "€ 9.00")
	want(t, site.Visitor().Get("/cart"), 200, "nothing in it")
	site.PostForm("/cart/1/remove", nil)
	want(t, site.Get("/cart"), 200, "nothing in it")
}
