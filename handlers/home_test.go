package handlers_test

import (
	"strings"
	"testing"

	"example.com/turnkey/app/apptest"
	"example.com/turnkey/handlers"
)

// TestHome visits the first page as a browser does. Copy it for your own pages.
func TestHome(t *testing.T) {
	site := apptest.Start(t, handlers.Site)
	page := site.Get("/", "Accept", "text/html")
	if page.Status != 200 || !strings.HasPrefix(page.Header.Get("Content-Type"), "text/html") {
		t.Errorf("the first page got %d as %s:\n%s", page.Status, page.Header.Get("Content-Type"), page.Body)
	}
}
