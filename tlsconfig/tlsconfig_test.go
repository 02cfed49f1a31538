package tlsconfig

import (
	"context"
	"encoding/pem"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// A maintenance page, a network's login page or a CDN may answer in place of an ACME server. The error must describe
// the answer with its URL, status and type.
func TestAnswerThatIsNotACMEIsDescribed(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	for _, test := range []struct {
		name   string
		answer http.HandlerFunc // to the directory
		says   []string
	}{
		{"HTML with 503, and nothing to the retry", func(w http.ResponseWriter, r *http.Request) {
			if asked.Add(1) == 2 {
				panic(http.ErrAbortHandler) // or there would be ten seconds of retries
			}
			w.Header().Set("Connection", "close")
			page(503, "text/html", "<html><head><title>Down for\n maintenance</title></head></html>")(w, r)
		}, []string{"/dir answered 503 Service Unavailable with an HTML page titled \"Down for maintenance\""}},
		{"HTML with 403", page(403, "text/html; charset=utf-8", "<!DOCTYPE html><h1>Blocked</h1>"), []string{"/dir answered 403 Forbidden with an HTML page"}},
		{"HTML without a type", page(200, "", "<!doctype html><title>Hi &amp; bye</title>"), []string{"/dir answered 200 OK with an HTML page titled \"Hi & bye\""}},
		{"HTML with 200", page(200, "text/html", "<html>"), []string{"/dir answered 200 OK with an HTML page instead of the JSON of an ACME server"}},
		{"HTML that says it is JSON", page(200, "application/json", "<html>"), []string{"answered 200 OK with an HTML page"}},
		{"an empty body", page(200, "application/json", ""), []string{"/dir answered 200 OK with an empty body"}},
		{"an empty 404", page(404, "text/plain", ""), []string{"/dir answered 404 Not Found with an empty body"}},
		{"text", page(404, "text/plain", "no such page"), []string{"/dir answered 404 Not Found with 12 bytes of text/plain"}},
		{"a redirect to a login page", func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/login" {
				page(200, "text/html", "<title>Sign in</title>")(w, r)
				return
			}
			http.Redirect(w, r, "/login?token=hush", http.StatusFound)
		}, []string{"/dir redirected to https://",
			"/login, which answered 200 OK with an HTML page titled \"Sign in\""}},
		{"JSON of another kind", page(200, "application/json", `{"ok":true}`), []string{"/dir answered 200 OK with JSON that is no ACME directory"}},
		{"a JSON list", page(200, "application/json", `[1]`), []string{"JSON that is no ACME directory"}},
		{"JSON with a status of another kind", page(403, "application/json", `{"error":{"code":403}}`), []string{"answered 403 Forbidden with JSON of another kind"}},
		{"JSON that is cut off", page(200, "application/json", `{"newOrder":"https://`), []string{"/dir answered 200 OK with JSON that is cut off"}},
		{"a problem without a type", page(403, "application/problem+json", `{"title":"Forbidden here","status":403}`), []string{"/dir answered 403 Forbidden: Forbidden here"}},
		{"a problem of type about:blank", page(403, "application/problem+json", `{"type":"about:blank","detail":"not today"}`), []string{"/dir answered 403 Forbidden: not today"}},
		{"a body that breaks off", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			fmt.Fprint(w, `{"newOrder"`)
		}, []string{"/dir", "the response broke off after 11 bytes"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			ca := httptest.NewTLSServer(test.answer)
			t.Cleanup(ca.Close)
			got, o := failedAttempt(t, ca)
			read := append(notes(o), got.Status.Error, got.Status.Advice, got.Err.Error())
			for i, text := range read {
				if strings.Contains(text, "about:blank") || strings.Contains(text, "hush") {
					t.Errorf("a person reads %q", text)
				}
				for _, want := range append(test.says, ca.Listener.Addr().String()) {
					if i != 2 && !strings.Contains(text, want) {
						t.Errorf("%q does not say %q", text, want)
					}
				}
			}
			if !strings.Contains(got.Status.Advice, "ACME_DIRECTORY") && test.name != "a body that breaks off" {
				t.Errorf("the advice is %q", got.Status.Advice)
			}
		})
	}
}

// page answers every request with the same body.
func page(status int, contentType, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}
}

// If the CA wants the account's owner to accept new terms, the message must have the link from the CA.
func TestLinkToNewTermsIsReported(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, link, instance, says, advice string }{
		{"a link", `<https://ca.test/index>;rel="index", <https://ca.test/terms/v2>; rel="terms-of-service"`, "", "https://ca.test/terms/v2", "read them at https://ca.test/terms/v2"},
		{"a relative link, without quotes", `</terms?v=2>;title="x";rel=terms-of-service`, "", "/terms?v=2", "/terms?v=2"},
		{"an instance", `<https://ca.test/terms/v2>;rel="terms-of-service"`, "https://ca.test/agree/7", "https://ca.test/terms/v2", "open https://ca.test/agree/7"},
		{"a link that is no web page", `<javascript:alert(1)>;rel="terms-of-service"`, "", "terms have changed", "its message says"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var ca *httptest.Server
			ca = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Replay-Nonce", "bm9uY2U")
				switch r.URL.Path {
				case "/dir":
					w.Header().Set("Content-Type", "application/json")
					fmt.Fprintf(w, `{"newNonce":"%[1]s/nonce","newAccount":"%[1]s/account","newOrder":"%[1]s/order"}`,
						ca.URL)
				case "/account":
					w.Header().Add("Link", test.link)
					w.Header().Set("Content-Type", "application/problem+json")
					w.WriteHeader(http.StatusForbidden)
					fmt.Fprintf(w,
						`{"type":"urn:ietf:params:acme:error:userActionRequired","detail":"terms have changed","instance":%q}`,
						test.instance)
				}
			}))
			t.Cleanup(ca.Close)
			got, o := failedAttempt(t, ca)
			if !strings.Contains(got.Status.Error, test.says) || !strings.Contains(got.Err.Error(), test.says) {
				t.Errorf("the error %q does not say %q", got.Status.Error, test.says)
			}
			if !strings.Contains(got.Status.Advice, test.advice) || strings.Contains(got.Status.Advice, "javascript") {
				t.Errorf("the advice %q does not say %q", got.Status.Advice, test.advice)
			}
			if notes := strings.Join(notes(o), "\n"); !strings.Contains(notes, test.says) ||
				!strings.Contains(notes, test.advice) {
				t.Errorf("check says %q", notes)
			}
		})
	}
}

// failedAttempt lets a host order a certificate from ca and returns the event of its failure.
func failedAttempt(t *testing.T, ca *httptest.Server) (Event, Options) {
	t.Helper()
	root := filepath.Join(t.TempDir(), "root.pem")
	write(t, root, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca.Certificate().Raw}))
	events := make(chan Event, 8)
	o := Options{Mode: ACME, Domains: []string{"a.example.test"}, Directory: ca.URL + "/dir", CAFile: root,
		CacheDir: t.TempDir(),
		Log:      slog.New(slog.DiscardHandler), Notify: func(e Event) { events <- e }}
	source, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { source.Run(ctx); close(ended) }()
	defer func() { cancel(); <-ended }()
	select {
	case e := <-events:
		return e, o
	case <-time.After(30 * time.Second):
		t.Fatal("no attempt failed")
		return Event{}, o
	}
}

func notes(o Options) []string {
	_, notes := Inspect(o)
	return notes
}

// The CA for rehearsals is another one, which must not get the key of the owner's account.
func TestTheExternalAccountIsForItsOwnCAAlone(t *testing.T) {
	t.Parallel()
	o := Options{Directory: "https://ca.test/directory", Rehearsal: "https://staging.test/directory", EABKeyID: "kid",
		EABKey: []byte("key")}
	for directory, bound := range map[string]bool{o.Directory: true, o.Rehearsal: false} {
		got := o.authority(directory, nil)
		if got.Directory != directory || (got.EABKeyID == "kid") != bound || (string(got.EABKey) == "key") != bound {
			t.Errorf("%s gets %q and %q", directory, got.EABKeyID, got.EABKey)
		}
	}
}
