package authority

import (
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"example.com/turnkey/tlsconfig/internal/cert"
	"example.com/turnkey/tlsconfig/internal/store"
)

// autocert's timers can outlive an attempt. No request of theirs may reach the CA, and no challenge is answered.
func TestNothingOfAnAttemptIsLeftWhenItEnds(t *testing.T) {
	t.Parallel()
	const host = "shop.example.test"
	var a *Authority
	asked := make(chan *attempt, 100)
	ca := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if a.HTTPChallenge(host) == nil {
			t.Error("http-01 is not answered while the attempt is under way")
		}
		asked <- a.underWay(host)
		w.WriteHeader(http.StatusForbidden)
	}))
	defer ca.Close()
	slot, err := store.Open(t.TempDir(), ca.URL)
	if err != nil {
		t.Fatal(err)
	}
	if a, err = New(Options{Directory: ca.URL, Store: slot, PlainPort: true}); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Issue(t.Context(), cert.Request{Host: host, Log: slog.New(slog.DiscardHandler)}); err == nil {
		t.Fatal("a CA that refuses everything issued a certificate")
	}
	if a.HTTPChallenge(host) != nil {
		t.Error("http-01 is answered after the attempt")
	}
	ended, before := <-asked, len(asked)
	late, _ := http.NewRequest("GET", ca.URL, nil)
	if _, err := ended.transport.RoundTrip(late); !errors.Is(err, errAttemptOver) || len(asked) > before {
		t.Errorf("a late request ended with %v, want that the attempt is over", err)
	}
}
