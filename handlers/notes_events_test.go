package handlers_test

import (
	"bufio"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"example.com/turnkey/app/apptest"
	"example.com/turnkey/app/kit"
	"example.com/turnkey/handlers"
)

// openEvents opens a visitor's event stream. It sends the stream's lines on the channel and closes the channel when the
// stream ends.
func openEvents(t *testing.T, client *http.Client, url string, headers ...string) (status int, lines <-chan string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "GET", url+"/notes/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
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

// nextLine returns the rest of the next line that begins with prefix.
func nextLine(t *testing.T, lines <-chan string, prefix string) string {
	t.Helper()
	for timeout := time.After(5 * time.Second); ; {
		select {
		case line, open := <-lines:
			if !open {
				t.Fatalf("the stream ended before %q", prefix)
			}
			if rest, found := strings.CutPrefix(line, prefix); found {
				return rest
			}
		case <-timeout:
			t.Fatalf("no %q on the stream", prefix)
		}
	}
}

// protocols returns the versions of HTTP that browsers use.
func protocols() map[string]*http.Protocols {
	h1, h2 := new(http.Protocols), new(http.Protocols)
	h1.SetHTTP1(true)
	h2.SetHTTP2(true)
	return map[string]*http.Protocols{"HTTP/1.1": h1, "HTTP/2": h2}
}

func TestANoteAppearsInTheVisitorsOtherTabs(t *testing.T) {
	t.Parallel()
	site := apptest.Start(t, handlers.Site)
	if status, _ := openEvents(t, site.Client, site.URL); status != http.StatusNoContent {
		t.Errorf("a visitor without notes gets %d, want 204: browsers do not ask again then", status)
	}
	for name, protocol := range protocols() {
		t.Run(name, func(t *testing.T) {
			ada, bob := site.Visitor(), site.Visitor()
			ada.Client.Transport.(*http.Transport).Protocols = protocol
			writeNote(t, ada, "first")
			writeNote(t, bob, "Bob's")

			// The server sends each new tab the version of the notes. The page has the version too, so its script does
			// not load the same notes twice.
			_, tab := openEvents(t, ada.Client, ada.URL)
			first := nextLine(t, tab, "id: ")
			if got := nextLine(t, tab, "data: "); got != first {
				t.Errorf("data is %q and the id %q, want the same version", got, first)
			}
			if page, want := ada.Get("/notes"), fmt.Sprintf(`data-version="%s"`, first); !strings.Contains(page.Body, want) {
				t.Errorf("the page lacks %s:\n%s", want, page.Body)
			}

			// A tab that reconnects and has missed nothing gets no event until this visitor's notes change.
			_, back := openEvents(t, ada.Client, ada.URL, "Last-Event-ID", first)
			if line := nextLine(t, back, ""); line != ": hello" {
				t.Errorf("a stream that is taken up again begins with %q", line)
			}
			writeNote(t, bob, "not for others")
			writeNote(t, ada, "second")
			second := nextLine(t, tab, "data: ")
			if other := nextLine(t, back, "data: "); other != second || second == first {
				t.Errorf("after a change the tabs know %q and %q, want the same and not %q", second, other, first)
			}
			if deleted := ada.Do("DELETE", "/api/notes/1", ""); deleted.Status != http.StatusNoContent {
				t.Errorf("deleting got %d, want 204", deleted.Status)
			}
			if third := nextLine(t, tab, "data: "); third == second {
				t.Errorf("after a note was deleted the version is still %q", third)
			}
		})
	}
}

func TestStreamsOfAVisitorAreLimited(t *testing.T) {
	t.Parallel()
	site := apptest.Start(t, handlers.Site)
	writeNote(t, site, "first")
	for range 8 {
		status, lines := openEvents(t, site.Client, site.URL)
		if status != http.StatusOK {
			t.Fatalf("one of 8 streams got %d, want 200", status)
		}
		nextLine(t, lines, "data: ")
	}
	if status, _ := openEvents(t, site.Client, site.URL); status != http.StatusTooManyRequests {
		t.Errorf("a ninth stream got %d, want 429", status)
	}
}

func TestAStopEndsTheStreams(t *testing.T) {
	t.Parallel()
	site := apptest.Start(t, handlers.Site, "SHUTDOWN_GRACE=5s")
	writeNote(t, site, "first")
	_, lines := openEvents(t, site.Client, site.URL)
	nextLine(t, lines, "data: ")

	begin := time.Now()
	if status := site.Stop(); status != 0 || time.Since(begin) > 4*time.Second {
		t.Errorf("exit status %d after %s, want 0 before the grace of 5 s", status, time.Since(begin))
	}
	for range lines { // waits for the end of the stream
	}
	if log := site.Log(); strings.Contains(log, `"level":"ERROR"`) {
		t.Errorf("the log has errors:\n%s", log)
	}
}

// The server in this test has a timeout of a second for a request. The program's is 30 s.
func TestAStreamOfNotesOutlivesTheServersTimeouts(t *testing.T) {
	t.Parallel()
	const timeout = time.Second
	gin.SetMode(gin.ReleaseMode)
	routes := gin.New()
	handlers.Notes(routes, neverStops{}) // not Routes, which may need more of a server
	srv := httptest.NewUnstartedServer(routes)
	srv.Config.ReadTimeout, srv.Config.WriteTimeout = timeout, timeout
	srv.Config.IdleTimeout = time.Minute // or the server closes a connection just when the next note is sent on it
	srv.EnableHTTP2 = true
	srv.StartTLS()
	t.Cleanup(srv.Close)
	for name, protocol := range protocols() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			transport := srv.Client().Transport.(*http.Transport).Clone()
			transport.Protocols, transport.TLSNextProto, transport.TLSClientConfig.NextProtos = protocol, nil, nil
			stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
			client := &http.Client{Transport: transport, CheckRedirect: stay}
			cookie := ""
			add := func() {
				t.Helper()
				req, err := http.NewRequest("POST", srv.URL+"/notes", strings.NewReader("text=hello"))
				if err != nil {
					t.Fatal(err)
				}
				req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
				req.Header.Set("Cookie", cookie)
				resp, err := client.Do(req)
				if err != nil {
					t.Fatal(err)
				}
				resp.Body.Close()
				for _, set := range resp.Cookies() {
					cookie = set.Name + "=" + set.Value
				}
			}
			add()
			_, lines := openEvents(t, client, srv.URL, "Cookie", cookie)
			for range 2 {
				nextLine(t, lines, "data: ")
				time.Sleep(timeout/2 + 100*time.Millisecond)
				add()
			}
			nextLine(t, lines, "data: ")
		})
	}
}

// neverStops is as much of a kit.Server as the routes of the notes ask for.
type neverStops struct{ kit.Server }

func (neverStops) Stopping() <-chan struct{} { return nil }
