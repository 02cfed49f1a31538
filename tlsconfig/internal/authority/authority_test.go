package authority

import (
	"crypto/x509"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/acme/autocert"

	"example.com/turnkey/tlsconfig/internal/cert"
	"example.com/turnkey/tlsconfig/internal/store"
	"example.com/turnkey/tlsconfig/setting"
)

// Package setting has a copy of the URL, because it must not import autocert.
func TestTheProductionDirectoryIsAutocerts(t *testing.T) {
	t.Parallel()
	if setting.ProductionDirectory != autocert.DefaultACMEDirectory {
		t.Errorf("it is %s, autocert's is %s", setting.ProductionDirectory, autocert.DefaultACMEDirectory)
	}
}

// A private CA may want a password in ACME_DIRECTORY. Logs name the CA, and so do errors about renewal information.
func TestNoMessageHasThePasswordOfADirectory(t *testing.T) {
	t.Parallel()
	ca := httptest.NewServer(http.NotFoundHandler())
	defer ca.Close()
	a, err := New(Options{Directory: strings.Replace(ca.URL, "://", "://site:hush@", 1) + "/directory"})
	if err != nil {
		t.Fatal(err)
	}
	leaf := &x509.Certificate{AuthorityKeyId: []byte{1}, SerialNumber: big.NewInt(1)}
	_, _, err = a.RenewalWindow(t.Context(), leaf)
	if err == nil || strings.Contains(err.Error(), "hush") || !strings.Contains(err.Error(), ca.URL+"/directory: 404") {
		t.Errorf("the error is %v, want the URL without the password, and the status", err)
	}
	if got := a.Directory(); got == "" || strings.Contains(got, "hush") {
		t.Errorf("logs name the CA as %q", got)
	}
}

// This is the example of RFC 9773 §4.1.
func TestARIIdentifier(t *testing.T) {
	t.Parallel()
	leaf := &x509.Certificate{
		AuthorityKeyId: []byte{0x69, 0x88, 0x5b, 0x6b, 0x87, 0x46, 0x40, 0x41, 0xe1, 0xb3, 0x7b, 0x84, 0x7b, 0xa0, 0xae,
			0x2c, 0xde, 0x01, 0xc8, 0xd4},
		SerialNumber: new(big.Int).SetBytes([]byte{0x87, 0x65, 0x43, 0x21}),
	}
	if got, err := ariID(leaf); err != nil || got != "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE" {
		t.Errorf("got %q %v", got, err)
	}
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	for v, want := range map[string]time.Duration{
		"": 0, "120": 2 * time.Minute, "-1": 0, "soon": 0, "Mon, 23 Nov 2026 01:00:00 GMT": time.Hour, "Sun, 22 Nov 2026 01:00:00 GMT": 0, "999999999": 7 * 24 * time.Hour,
	} {
		if got := retryAfter(v, now); got != want {
			t.Errorf("%q: got %s, want %s", v, got, want)
		}
	}
}

// autocert rejects a certificate whose dates do not fit the clock, so a server whose clock is hours off must not order
// one.
func TestNoOrderWhileTheClockIsWrong(t *testing.T) {
	t.Parallel()
	tr := &attempt{ctx: t.Context(), maxOrders: 2}
	directory, _ := http.NewRequest("GET", "https://ca.test/dir", nil)
	tr.note(answer{directory, &http.Response{StatusCode: 200, Header: http.Header{
		"Content-Type": {"application/json"}, "Date": {time.Now().Add(2 * time.Hour).UTC().Format(http.TimeFormat)},
	}}, []byte(`{"newOrder":"https://ca.test/order"}`)}, false)
	order, _ := http.NewRequest("POST", "https://ca.test/order", strings.NewReader("{}"))
	if _, err := tr.RoundTrip(order); err == nil || !strings.Contains(err.Error(), " behind the CA's") {
		t.Errorf("got %v, want that the clock is off", err)
	}
}

// FuzzAnswer reads made-up responses of a CA.
func FuzzAnswer(f *testing.F) {
	f.Add(200, "application/json",
		`{"newOrder":"https://ca.test/order","challenges":[{"type":"http-01","error":{"type":"x","detail":"y"}}]}`)
	f.Add(429, "application/problem+json", `{"type":"urn:ietf:params:acme:error:rateLimited","subproblems":[{}]}`)
	f.Add(500, "text/html", "<html>")
	f.Fuzz(func(t *testing.T, status int, contentType, body string) {
		tr := &attempt{}
		r, _ := http.NewRequest("GET", "https://ca.test/dir", nil)
		tr.note(answer{r, &http.Response{StatusCode: status, Status: "status",
			Header: http.Header{"Content-Type": {contentType}, "Retry-After": {body}}}, []byte(body)}, false)
		if len(tr.problems) > 0 {
			p := worst(tr.problems)
			_ = p.Error() + p.Advice("shop.test")
			if p.RetryAfter < 0 || p.RetryAfter > 7*24*time.Hour {
				t.Errorf("retry after %s", p.RetryAfter)
			}
		}
	})
}

// The advice about an account names the file that the operator has to remove.
func TestTheAdviceNamesTheAccountFile(t *testing.T) {
	t.Parallel()
	p := cert.Problem{Type: "urn:ietf:params:acme:error:unauthorized"}
	if got := p.Advice("shop.test"); !strings.Contains(got, "remove "+accountFile+" from ACME_CACHE") {
		t.Errorf("the advice is %q", got)
	}
}

// Another process may have placed the order. It has the same account, and that is all that http-01 asks for.
func TestHTTPChallengeIsAnsweredForTheAccount(t *testing.T) {
	t.Parallel()
	slot, err := store.Config{Where: t.TempDir()}.Open("https://ca.test/dir")
	if err != nil {
		t.Fatal(err)
	}
	var answers [2]string
	for i := range answers {
		a, err := New(Options{Directory: "https://ca.test/dir", Store: slot, PlainPort: true})
		if err != nil {
			t.Fatal(err)
		}
		if got := a.HTTPChallenge("token"); got != "" {
			t.Errorf("before there is an account, the answer is %q", got)
		}
		if err := a.Ready(t.Context()); err != nil {
			t.Fatal(err)
		}
		answers[i] = a.HTTPChallenge("some_Token-1")
		for _, token := range []string{"a.b", "a/b", "", "ä", strings.Repeat("x", 129)} {
			if got := a.HTTPChallenge(token); got != "" {
				t.Errorf("%q, which is no token, is answered %q", token, got)
			}
		}
	}
	token, thumbprint, _ := strings.Cut(answers[0], ".")
	if answers[0] != answers[1] || token != "some_Token-1" || len(thumbprint) != 43 {
		t.Errorf("two processes answer %q", answers)
	}
}

// An attempt that died has left its answer. Its key was dropped since, and the next attempt is at its own challenge.
func TestAnAnswerThatCannotBeOpenedIsReplaced(t *testing.T) {
	t.Parallel()
	dir, dropped, held := t.TempDir(), setting.CacheKey{1}, setting.CacheKey{2}
	slot := store.Config{Where: dir, Keys: []setting.CacheKey{held}}.Existing("https://ca.test/dir")
	old := store.Config{Where: dir, Keys: []setting.CacheKey{dropped}}.Existing("https://ca.test/dir")
	if err := old.Put(t.Context(), "a.test"+tokenFile, "", []byte("old"), 0); err != nil {
		t.Fatal(err)
	}
	c := attemptCache{attempt: &attempt{}, store: slot}
	if err := c.Put(t.Context(), "a.test+token", []byte("new")); err != nil {
		t.Error(err)
	}
	if data, err := slot.Get(t.Context(), "a.test"+tokenFile); err != nil || string(data) != "new" {
		t.Errorf("the answer is %q (%v), want the new one", data, err)
	}
}
