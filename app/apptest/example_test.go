package apptest_test

import (
	"testing"

	"example.com/turnkey/app/apptest"
	"example.com/turnkey/app/kit"
)

var handlers struct{ Site kit.Site } // your package handlers

// Example shows a test of a page.
func Example() {
	var t *testing.T // func TestHome(t *testing.T)

	site := apptest.Start(t, handlers.Site)
	if page := site.Get("/"); page.Status != 200 {
		t.Errorf("the first page got %d:\n%s", page.Status, page.Body)
	}
}
