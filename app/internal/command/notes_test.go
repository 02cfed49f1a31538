package command

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"example.com/turnkey/handlers"
)

// The tests of the example. They start your own site, and go with it.

const notesForm = "application/x-www-form-urlencoded"

// written posts the page's form, and returns the visitor's cookie.
func (s *site) written(text string, headers ...string) (cookie string) {
	s.t.Helper()
	resp, body := s.do("POST", "https://shop.test/notes", "text="+text, append(headers, "Content-Type", notesForm)...)
	if resp.StatusCode != 303 || resp.Header.Get("Location") != "/notes" {
		s.t.Fatalf("posting the form got %d to %q, want 303 to /notes:\n%s", resp.StatusCode, resp.Header.Get("Location"), body)
	}
	if cookies := resp.Cookies(); len(cookies) > 0 {
		return cookies[0].Name + "=" + cookies[0].Value
	}
	return ""
}

func TestNotesWorkByFormsAlone(t *testing.T) {
	t.Parallel()
	s := startSite(t, prod, handlers.Site)
	resp, body := s.do("GET", "https://shop.test/notes", "")
	if resp.StatusCode != 200 || !strings.Contains(body, "None yet.") || resp.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("got %d %q:\n%s", resp.StatusCode, resp.Header, body)
	}
	if got := resp.Header["Set-Cookie"]; got != nil {
		t.Errorf("a visitor who only looks gets %q, want no cookie", got)
	}

	resp, _ = s.do("POST", "https://shop.test/notes", "text=+buy+%3Cmilk%3E+", "Content-Type", notesForm)
	set := resp.Header.Get("Set-Cookie")
	for _, want := range []string{"__Host-notes=", "; Path=/", "; HttpOnly", "; Secure", "; SameSite=Lax"} {
		if !strings.Contains(set, want) {
			t.Errorf("the cookie %q lacks %q", set, want)
		}
	}
	cookie, _, _ := strings.Cut(set, ";")
	if again := s.written("second", "Cookie", cookie); again != "" {
		t.Errorf("a known visitor gets another cookie: %q", again)
	}
	_, body = s.do("GET", "https://shop.test/notes", "", "Cookie", cookie)
	for _, want := range []string{`<p id="note-1">buy &lt;milk&gt;</p>`, `<p id="note-2">second</p>`, "2 notes.", `action="/notes/1/delete"`} {
		if !strings.Contains(body, want) {
			t.Errorf("the page lacks %s:\n%s", want, body)
		}
	}
	for _, inline := range []string{"<style", "style=", "<script>", "onclick"} {
		if strings.Contains(body, inline) {
			t.Errorf("the page has %s, which its own policy forbids", inline)
		}
	}
	if resp, _ = s.do("POST", "https://shop.test/notes/1/delete", "", "Cookie", cookie); resp.StatusCode != 303 {
		t.Errorf("deleting got %d, want 303", resp.StatusCode)
	}
	if _, body = s.do("GET", "https://shop.test/notes", "", "Cookie", cookie); strings.Contains(body, "milk") || !strings.Contains(body, "1 note.") {
		t.Errorf("after deleting:\n%s", body)
	}

	resp, body = s.do("GET", "https://shop.test/notes/download", "", "Cookie", cookie)
	var got []struct{ Text string }
	if err := json.Unmarshal([]byte(body), &got); err != nil || len(got) != 1 || got[0].Text != "second" {
		t.Errorf("the download is %s", body)
	}
	if got := resp.Header.Get("Content-Disposition"); got != `attachment; filename="notes.json"` {
		t.Errorf("Content-Disposition is %q", got)
	}
}

// A page is made whole in memory, and kept there for as long as its client takes to read it.
func TestAFormOfAMegabyteComesBackAsASmallPage(t *testing.T) {
	t.Parallel()
	s := startSite(t, prod, handlers.Site)
	for name, text := range map[string]string{"one byte each": strings.Repeat("<", 1<<20-5), "two bytes each": "x" + strings.Repeat("é", 1<<19-3)} {
		resp, body := s.do("POST", "https://shop.test/notes", "text="+text, "Content-Type", notesForm, "Accept", "text/html")
		if resp.StatusCode != 422 || !strings.Contains(body, "The note must be at most 500 characters long") {
			t.Errorf("%s: got %d, want 422", name, resp.StatusCode)
		}
		if len(body) > 256<<10 || !utf8.ValidString(body) {
			t.Errorf("%s: the page has %d bytes, valid UTF-8: %v", name, len(body), utf8.ValidString(body))
		}
	}
}

func TestAFormThatIsWrongComesBackWithWhatWasEntered(t *testing.T) {
	t.Parallel()
	s := startSite(t, prod, handlers.Site)
	long := strings.Repeat("é", 501)
	for _, test := range []struct{ name, text, want string }{
		{"empty", "", "The note is required"},
		{"blank", "+%0D%0A+", "The note is required"},
		{"long", long, "The note must be at most 500 characters long"},
		{"long and hostile", "</textarea><script>" + long, "&lt;/textarea&gt;&lt;script&gt;" + long},
	} {
		resp, body := s.do("POST", "https://shop.test/notes", "text="+test.text, "Content-Type", notesForm, "Accept", "text/html")
		if resp.StatusCode != 422 || !strings.Contains(body, test.want) {
			t.Errorf("%s: got %d, want 422 and %q:\n%s", test.name, resp.StatusCode, test.want, body)
		}
		for _, want := range []string{`aria-invalid="true"`, `aria-describedby="hint wrong"`, `role="alert" tabindex="-1" autofocus`, `<a href="#text">`} {
			if !strings.Contains(body, want) {
				t.Errorf("%s: the page lacks %s", test.name, want)
			}
		}
		if got := resp.Header["Set-Cookie"]; got != nil {
			t.Errorf("%s: nothing was written, and the visitor gets %q", test.name, got)
		}
	}
	if _, body := s.do("POST", "https://shop.test/notes", "text="+long, "Content-Type", notesForm); !strings.Contains(body, ">\n"+long+"</textarea>") {
		t.Errorf("what was entered is lost:\n%s", body)
	}
	// Forms send \r\n for each \n; the visitor counted one character.
	s.written(strings.Repeat("a%0D%0A", 249) + "ab")
}

func TestNotesAsAnAPI(t *testing.T) {
	t.Parallel()
	s := startSite(t, prod, handlers.Site)
	const url, jsonType = "https://shop.test/api/notes", "application/json"
	if _, body := s.do("GET", url, ""); body != "[]" {
		t.Errorf("a new visitor's list is %s, want []", body)
	}
	resp, body := s.do("POST", url, `{"text":" hello "}`, "Content-Type", jsonType)
	if resp.StatusCode != 201 || body != `{"id":1,"text":"hello"}` || resp.Header.Get("Location") != "/api/notes/1" || len(resp.Cookies()) != 1 {
		t.Fatalf("got %d %s at %q", resp.StatusCode, body, resp.Header.Get("Location"))
	}
	mine := resp.Cookies()[0].Name + "=" + resp.Cookies()[0].Value
	theirs := s.written("theirs")
	for _, test := range []struct {
		method, path, cookie, body string
		status                     int
		want                       string
	}{
		{"GET", "/1", mine, "", 200, `{"id":1,"text":"hello"}`},
		{"GET", "/1", theirs, "", 200, `{"id":1,"text":"theirs"}`},
		{"GET", "/1", "", "", 404, "You have no such note"},
		{"GET", "/1", "__Host-notes=guessed", "", 404, "You have no such note"},
		{"GET", "/x", mine, "", 404, "You have no such note"},
		{"GET", "/2", mine, "", 404, "You have no such note"},
		{"POST", "", mine, `{"text":""}`, 422, `"errors":[{"pointer":"#/text","detail":"is required"}]`},
		{"POST", "", mine, `{"text":5}`, 400, "must be a string"},
		{"POST", "", mine, `{`, 400, "ends in the middle"},
		{"POST", "", mine, `{"text":"second"}`, 201, `{"id":2,"text":"second"}`},
		{"GET", "", mine, "", 200, `[{"id":2,"text":"second"},{"id":1,"text":"hello"}]`},
		{"DELETE", "/1", mine, "", 204, ""},
		{"DELETE", "/1", mine, "", 404, "You have no such note"},
		{"PUT", "/1", mine, "", 405, "Method Not Allowed"},
	} {
		resp, body := s.do(test.method, url+test.path, test.body, "Content-Type", jsonType, "Cookie", test.cookie)
		problem := strings.HasPrefix(resp.Header.Get("Content-Type"), "application/problem+json")
		if resp.StatusCode != test.status || !strings.Contains(body, test.want) || problem != (test.status >= 400) {
			t.Errorf("%s %s %s: got %d %s, want %d %s", test.method, test.path, test.body, resp.StatusCode, body, test.status, test.want)
		}
	}
	// Notes come at a bounded rate, and end.
	status := 0
	for i := 0; i < 60 && status != 429; i++ {
		resp, _ := s.do("POST", url, `{"text":"more"}`, "Content-Type", jsonType, "Cookie", mine)
		status = resp.StatusCode
	}
	if status != 429 {
		t.Errorf("60 notes in a moment end with %d, want 429", status)
	}
}

// stream opens the events of a visitor. The channel has an entry a line, and is closed with the stream.
func (s *site) stream(client *http.Client, headers ...string) (status int, lines <-chan string) {
	s.t.Helper()
	ctx, cancel := context.WithCancel(s.t.Context())
	s.t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, "GET", "https://shop.test/notes/events", nil)
	if err != nil {
		s.t.Fatal(err)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := client.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	out := make(chan string, 100)
	go func() {
		defer close(out)
		defer resp.Body.Close()
		for scanner := bufio.NewScanner(resp.Body); scanner.Scan(); {
			out <- scanner.Text()
		}
	}()
	return resp.StatusCode, out
}

// next is the next line of a stream that begins with prefix; what is before it is passed over.
func next(t *testing.T, lines <-chan string, prefix string) string {
	t.Helper()
	for timeout := time.After(5 * time.Second); ; {
		select {
		case line, open := <-lines:
			if !open {
				t.Fatalf("the stream ended before %q", prefix)
			}
			if strings.HasPrefix(line, prefix) {
				return strings.TrimPrefix(line, prefix)
			}
		case <-timeout:
			t.Fatalf("no %q on the stream", prefix)
		}
	}
}

func TestANoteAppearsInTheVisitorsOtherTabs(t *testing.T) {
	t.Parallel()
	s := startSite(t, prod, handlers.Site)
	if status, _ := s.stream(s.client); status != 204 {
		t.Errorf("who has no notes gets %d, want 204: browsers do not ask again then", status)
	}
	cookie := s.written("first")
	stranger := s.written("a stranger's")
	for _, http1 := range []bool{false, true} {
		client := *s.client
		client.Timeout = 0
		if http1 {
			client.Transport = onlyHTTP1(s.client.Transport.(*http.Transport))
		}
		_, lines := s.stream(&client, "Cookie", cookie)
		last := next(t, lines, "id: ")
		if got := next(t, lines, "data: "); got != last {
			t.Errorf("data is %q and the id %q, want the same version", got, last)
		}
		_, body := s.do("GET", "https://shop.test/notes", "", "Cookie", cookie)
		if want := fmt.Sprintf(`data-version="%s"`, last); !strings.Contains(body, want) {
			t.Errorf("the page lacks %s, so its script would load it twice:\n%s", want, body)
		}

		// Who comes back having missed nothing is told nothing until something changes.
		_, resumed := s.stream(&client, "Cookie", cookie, "Last-Event-ID", last)
		if line := next(t, resumed, ""); line != ": hello" {
			t.Errorf("a stream that is taken up again begins with %q", line)
		}
		s.written("not for others", "Cookie", stranger)
		s.written("more", "Cookie", cookie)
		one, other := next(t, lines, "data: "), next(t, resumed, "data: ")
		if one != other || one == last {
			t.Errorf("after a change the tabs know %q and %q, want the same and not %q", one, other, last)
		}
		if resp, _ := s.do("DELETE", "https://shop.test/api/notes/1", "", "Cookie", cookie); resp.StatusCode == 204 {
			if got := next(t, lines, "data: "); got == one {
				t.Errorf("after a note was deleted the version is still %q", got)
			}
		} else if !http1 {
			t.Errorf("deleting got %d", resp.StatusCode)
		}
	}
}

// The server of this test gives a request 200 ms.
func TestAStreamOfNotesOutlivesTheServersTimeouts(t *testing.T) {
	t.Parallel()
	srv := expressServerOf(t, handlers.Site)
	h2 := srv.Client().Transport.(*http.Transport)
	for name, transport := range map[string]*http.Transport{"h2": h2, "http/1.1": onlyHTTP1(h2)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			do := func(method, path, cookie string) *http.Response {
				req, err := http.NewRequestWithContext(t.Context(), method, srv.URL+path, strings.NewReader(pick(method == "POST", "text=hello", "")))
				if err != nil {
					t.Fatal(err)
				}
				req.Host = "example.com"
				req.Header.Set("Content-Type", notesForm)
				req.Header.Set("Cookie", cookie)
				resp, err := transport.RoundTrip(req) // follows no redirect
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { resp.Body.Close() })
				return resp
			}
			cookie := do("POST", "/notes", "").Cookies()[0].String()
			stream := bufio.NewReader(do("GET", "/notes/events", cookie).Body)
			for range 2 {
				for line := ""; !strings.HasPrefix(line, "data: "); {
					var err error
					if line, err = stream.ReadString('\n'); err != nil {
						t.Fatalf("the stream ended: %v", err)
					}
				}
				time.Sleep(500 * time.Millisecond)
				do("POST", "/notes", cookie)
			}
		})
	}
}

func TestAVisitorsStreamsAreCounted(t *testing.T) {
	t.Parallel()
	s := startSite(t, prod, handlers.Site)
	cookie := s.written("first")
	for i := range 9 {
		status, lines := s.stream(s.client, "Cookie", cookie)
		if want := pick(i < 8, 200, 429); status != want {
			t.Errorf("stream %d got %d, want %d", i+1, status, want)
		}
		if status == 200 {
			next(t, lines, "data: ")
		}
	}
}

func TestAStopEndsTheStreams(t *testing.T) {
	t.Parallel()
	s := startSite(t, prod, handlers.Site)
	_, lines := s.stream(s.client, "Cookie", s.written("first"))
	next(t, lines, "data: ")
	begin := time.Now()
	s.stop()
	if code := s.wait(); code != 0 || time.Since(begin) > 4*time.Second {
		t.Errorf("exit status %d after %s, want 0 before the grace of 5 s: %s", code, time.Since(begin), s.errout)
	}
	for range lines { // ends
	}
	if out := s.out.String(); strings.Contains(out, `"level":"ERROR"`) {
		t.Errorf("the log has errors:\n%s", out)
	}
}
