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

// The first page says what is so on this server.
func TestHomeIsTrueInEachMode(t *testing.T) {
	t.Parallel()
	for mode, words := range map[string][2]string{
		"ENV=prod TLS_MODE=files": {"TLS_CERT_FILE", "Keep it running"},
		"ENV=prod TLS_MODE=proxy": {"The proxy in front", "Keep it running"},
		"ENV=dev TLS_MODE=local":  {"certs/", "Go live"},
	} {
		body := apptest.Start(t, handlers.Site, strings.Fields(mode)...).Get("/").Body
		for _, all := range []string{"TLS_CERT_FILE", "The proxy in front", "certs/", "Keep it running", "Go live"} {
			if want := all == words[0] || all == words[1]; strings.Contains(body, all) != want {
				t.Errorf("%s: %q is there: %v, want %v", mode, all, !want, want)
			}
		}
	}
}
