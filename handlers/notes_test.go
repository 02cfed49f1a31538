package handlers_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"example.com/turnkey/app/apptest"
	"example.com/turnkey/handlers"
)

// writeNote adds a note with the form of the page.
func writeNote(t *testing.T, visitor *apptest.Site, text string) *apptest.Answer {
	t.Helper()
	sent := visitor.PostForm("/notes", url.Values{"text": {text}})
	if sent.Status != http.StatusSeeOther || sent.Header.Get("Location") != "/notes" {
		t.Fatalf("the form got %d to %q, want 303 to /notes:\n%s", sent.Status, sent.Header.Get("Location"), sent.Body)
	}
	return sent
}

func TestNotesWorkByFormsAlone(t *testing.T) {
	t.Parallel()
	site := apptest.Start(t, handlers.Site)

	// A visitor who adds nothing gets no cookie.
	page := site.Get("/notes")
	if page.Status != 200 || !strings.Contains(page.Body, "None yet.") || page.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("the empty page got %d %q:\n%s", page.Status, page.Header, page.Body)
	}
	if got := page.Header["Set-Cookie"]; got != nil {
		t.Errorf("a visitor who only looks gets %q", got)
	}

	// The first note sets the cookie. The second does not set it again.
	cookie := writeNote(t, site, " buy <milk> ").Header.Get("Set-Cookie")
	for _, want := range []string{"__Host-notes=", "; Path=/", "; HttpOnly", "; Secure", "; SameSite=Lax"} {
		if !strings.Contains(cookie, want) {
			t.Errorf("the cookie %q lacks %q", cookie, want)
		}
	}
	if again := writeNote(t, site, "second").Header["Set-Cookie"]; again != nil {
		t.Errorf("a known visitor gets another cookie: %q", again)
	}
	page = site.Get("/notes")
	for _, want := range []string{
		`<p id="note-1">buy &lt;milk&gt;</p>`, `<p id="note-2">second</p>`, "2 notes.", `action="/notes/1/delete"`,
	} {
		if !strings.Contains(page.Body, want) {
			t.Errorf("the page lacks %s:\n%s", want, page.Body)
		}
	}
	for _, inline := range []string{"<style", "style=", "<script>", "onclick"} {
		if strings.Contains(page.Body, inline) {
			t.Errorf("the page has %s, which its own policy forbids", inline)
		}
	}

	// A deleted note appears on no page and in no download.
	if deleted := site.PostForm("/notes/1/delete", nil); deleted.Status != http.StatusSeeOther {
		t.Errorf("deleting got %d, want 303", deleted.Status)
	}
	if page = site.Get("/notes"); strings.Contains(page.Body, "milk") || !strings.Contains(page.Body, "1 note.") {
		t.Errorf("after deleting:\n%s", page.Body)
	}
	download := site.Get("/notes/download")
	if got := download.Header.Get("Content-Disposition"); got != `attachment; filename="notes.json"` {
		t.Errorf("Content-Disposition is %q", got)
	}
	var kept []struct{ Text string }
	if download.JSON(&kept); len(kept) != 1 || kept[0].Text != "second" {
		t.Errorf("the download is %s", download.Body)
	}
}

func TestInvalidFormKeepsItsInput(t *testing.T) {
	t.Parallel()
	site := apptest.Start(t, handlers.Site)
	long := strings.Repeat("é", 501)
	for _, test := range []struct{ name, text, want string }{
		{"empty", "", "The note is required"},
		{"blank", " \r\n ", "The note is required"},
		{"long", long, "The note must be at most 500 characters long"},
		{"long, shown again", long, ">\n" + long + "</textarea>"},
		{"long and hostile", "</textarea><script>" + long, "&lt;/textarea&gt;&lt;script&gt;" + long},
	} {
		page := site.PostForm("/notes", url.Values{"text": {test.text}}, "Accept", "text/html")
		if page.Status != http.StatusUnprocessableEntity || !strings.Contains(page.Body, test.want) {
			t.Errorf("%s: got %d, want 422 and %q:\n%s", test.name, page.Status, test.want, page.Body)
		}
		for _, want := range []string{
			`aria-invalid="true"`, `aria-describedby="hint wrong"`, `role="alert" tabindex="-1" autofocus`, `<a href="#text">`,
		} {
			if !strings.Contains(page.Body, want) {
				t.Errorf("%s: the page lacks %s", test.name, want)
			}
		}
		if got := page.Header["Set-Cookie"]; got != nil {
			t.Errorf("%s: nothing was written, and the visitor gets %q", test.name, got)
		}
	}
	// A form sends \r\n for each \n, which the visitor's browser counted as one character.
	writeNote(t, site, strings.Repeat("a\r\n", 249)+"ab")
}

// The server renders a page in memory and keeps it there until the client has read it, so the page must not become
// large.
func TestInvalidFormOfAMegabyteIsAnsweredWithASmallPage(t *testing.T) {
	t.Parallel()
	site := apptest.Start(t, handlers.Site)
	for name, text := range map[string]string{
		"one byte each":  strings.Repeat("<", 1<<20-5),
		"two bytes each": "x" + strings.Repeat("é", 1<<19-3),
	} {
		page := site.Do("POST", "/notes", "text="+text,
			"Content-Type", "application/x-www-form-urlencoded", "Accept", "text/html")
		if page.Status != 422 || !strings.Contains(page.Body, "The note must be at most 500 characters long") {
			t.Errorf("%s: got %d, want 422", name, page.Status)
		}
		if len(page.Body) > 256<<10 || !utf8.ValidString(page.Body) {
			t.Errorf("%s: the page has %d bytes, valid UTF-8: %v", name, len(page.Body), utf8.ValidString(page.Body))
		}
	}
}

func TestNotesAsAnAPI(t *testing.T) {
	t.Parallel()
	ada := apptest.Start(t, handlers.Site)
	bob, stranger := ada.Visitor(), ada.Visitor()

	if list := ada.Get("/api/notes"); list.Body != "[]" {
		t.Errorf("a new visitor's list is %s, want []", list.Body)
	}
	made := ada.PostJSON("/api/notes", map[string]string{"text": " hello "})
	if made.Status != http.StatusCreated || made.Body != `{"id":1,"text":"hello"}` ||
		made.Header.Get("Location") != "/api/notes/1" || len(made.Header["Set-Cookie"]) != 1 {
		t.Fatalf("the first note got %d %s at %q", made.Status, made.Body, made.Header.Get("Location"))
	}
	writeNote(t, bob, "Bob's")

	for _, test := range []struct {
		visitor            *apptest.Site
		method, path, body string
		status             int
		want               string
	}{
		{ada, "GET", "/1", "", 200, `{"id":1,"text":"hello"}`},
		{bob, "GET", "/1", "", 200, `{"id":1,"text":"Bob's"}`},
		{stranger, "GET", "/1", "", 404, "You have no such note"},
		{ada, "GET", "/x", "", 404, "You have no such note"},
		{ada, "GET", "/2", "", 404, "You have no such note"},
		{ada, "POST", "", `{"text":""}`, 422, `"errors":[{"pointer":"#/text","detail":"is required"}]`},
		{ada, "POST", "", `{"text":5}`, 400, "must be a string"},
		{ada, "POST", "", `{`, 400, "ends in the middle"},
		{ada, "POST", "", `{"text":"second"}`, 201, `{"id":2,"text":"second"}`},
		{ada, "GET", "", "", 200, `[{"id":2,"text":"second"},{"id":1,"text":"hello"}]`},
		{ada, "DELETE", "/1", "", 204, ""},
		{ada, "DELETE", "/1", "", 404, "You have no such note"},
		{ada, "PUT", "/1", "", 405, "Method Not Allowed"},
	} {
		got := test.visitor.Do(test.method, "/api/notes"+test.path, test.body, "Content-Type", "application/json")
		problem := strings.HasPrefix(got.Header.Get("Content-Type"), "application/problem+json")
		if got.Status != test.status || !strings.Contains(got.Body, test.want) || problem != (test.status >= 400) {
			t.Errorf("%s %s %s: got %d %s, want %d %s",
				test.method, test.path, test.body, got.Status, got.Body, test.status, test.want)
		}
	}
	if got := stranger.Get("/api/notes/1", "Cookie", "__Host-notes=guessed"); got.Status != 404 {
		t.Errorf("a guessed cookie got %d %s, want 404", got.Status, got.Body)
	}
}

func TestNotesAreRateLimited(t *testing.T) {
	t.Parallel()
	site := apptest.Start(t, handlers.Site)
	status := 0
	for i := 0; i < 60 && status != http.StatusTooManyRequests; i++ {
		status = site.PostJSON("/api/notes", map[string]string{"text": "more"}).Status
	}
	if status != http.StatusTooManyRequests {
		t.Errorf("60 notes in a moment end with %d, want 429", status)
	}
}
