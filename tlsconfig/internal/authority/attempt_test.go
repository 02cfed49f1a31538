package authority

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"example.com/turnkey/tlsconfig/chain/chaintest"
	"example.com/turnkey/tlsconfig/internal/cert"
	"example.com/turnkey/tlsconfig/internal/store"
)

// autocert's timers can outlive an attempt. No request of theirs may reach the CA.
func TestNothingOfAnAttemptIsLeftWhenItEnds(t *testing.T) {
	t.Parallel()
	const host = "shop.example.test"
	var a *Authority
	asked := make(chan *attempt, 100)
	ca := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- a.underWay(host)
		w.WriteHeader(http.StatusForbidden)
	}))
	defer ca.Close()
	slot, err := store.Config{Where: t.TempDir()}.Open(ca.URL)
	if err != nil {
		t.Fatal(err)
	}
	if a, err = New(Options{Directory: ca.URL, Store: slot, PlainPort: true}); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Issue(t.Context(), cert.Request{Host: host, Log: slog.New(slog.DiscardHandler)}); err == nil {
		t.Fatal("a CA that refuses everything issued a certificate")
	}
	ended, before := <-asked, len(asked)
	late, _ := http.NewRequest("GET", ca.URL, nil)
	if _, err := ended.RoundTrip(late); !errors.Is(err, errAttemptOver) || len(asked) > before {
		t.Errorf("a late request ended with %v, want that the attempt is over", err)
	}
}

// The chain in a CA's response is judged with the same table as the chain in a file.
func TestChainOfTheCAIsJudgedLikeFiles(t *testing.T) {
	t.Parallel()
	const host = "shop.example.test"
	send := func(t *testing.T, row chaintest.Row) (cert.Candidate, error) {
		o := cert.Order{Certificate: "https://ca.test/cert/1"}
		key, err := o.PrivateKey()
		if err != nil {
			t.Fatal(err)
		}
		ca := chaintest.New(t, host)
		data := row.From(ca, key.Public())
		if row.Spoil != nil {
			_, other := ca.Good()
			data, _ = row.Spoil(data, other)
		}
		at := &attempt{host: host, state: state{chain: data}}
		return at.judge(o, nil)
	}
	for _, row := range chaintest.Bad() {
		if row.Key != nil || row.OfKey { // the server has made the key here
			continue
		}
		t.Run(row.Name, func(t *testing.T) {
			t.Parallel()
			c, err := send(t, row)
			said := c.Lacks
			if err != nil {
				said = err.Error()
			}
			if said == "" || err == nil && !c.Broken {
				t.Fatalf("got %q, want a fault", said)
			}
			if !row.Unmet && !strings.Contains(said, row.Says) { // the other texts are about files
				t.Errorf("it says %q, want %q", said, row.Says)
			}
		})
	}
	for _, row := range chaintest.Good() {
		if row.Key != nil {
			continue
		}
		t.Run(row.Name, func(t *testing.T) {
			t.Parallel()
			if c, err := send(t, row); err != nil || c.Lacks != "" || c.Leaf.VerifyHostname(host) != nil {
				t.Errorf("got %v %q", err, c.Lacks)
			}
		})
	}
	t.Run(chaintest.Alone().Name, func(t *testing.T) {
		t.Parallel()
		if c, err := send(t, chaintest.Alone()); err != nil || c.Broken ||
			!strings.Contains(c.Lacks, chaintest.Alone().Says) {
			t.Errorf("got %v %q", err, c.Lacks)
		}
	})
}

// A proxy's page or error says nothing about an order. A problem document comes from the CA, and one that would come
// again ends the order.
func TestOnlyAProblemDocumentEndsAnOrder(t *testing.T) {
	t.Parallel()
	problem := func(kind string) string { return `{"type":"urn:ietf:params:acme:error:` + kind + `","detail":"no"}` }
	for _, test := range []struct {
		name, contentType, body string
		status                  int
		gone                    bool
	}{
		{"the CA does not know it", "application/problem+json", problem("malformed"), 404, true},
		{"the same as plain JSON", "application/json", problem("malformed"), 404, true},
		{"a problem without a type", "application/problem+json", `{"detail":"no"}`, 403, true},
		{"a problem about a subproblem's host", "application/problem+json", `{"type":"urn:ietf:params:acme:error:compound","detail":"no",` +
			`"subproblems":[{"type":"urn:ietf:params:acme:error:caa","detail":"no","identifier":{"type":"dns","value":"a.test"}}]}`, 403, true},
		{"it was finalized before", "application/problem+json", problem("orderNotReady"), 403, false},
		{"too many requests", "application/problem+json", problem("rateLimited"), 429, false},
		{"a stale nonce", "application/problem+json", problem("badNonce"), 400, false},
		{"a fault of the CA", "application/problem+json", problem("serverInternal"), 500, false},
		{"a page", "text/html", "<title>Blocked</title>", 403, false},
		{"text", "text/plain", "no such page", 404, false},
		{"nothing", "", "", 404, false},
		{"JSON of a firewall", "application/json", `{"error":{"code":403}}`, 403, false},
		{"a body of white space", "text/plain", strings.Repeat(" ", 600) + "x", 403, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			ca := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", test.contentType)
				w.WriteHeader(test.status)
				io.WriteString(w, test.body)
			}))
			t.Cleanup(ca.Close)
			tr := transportTo(t, ca)
			fetch(t, tr)
			if tr.now().orderOver != test.gone {
				t.Errorf("the order is over: %v, want %v", tr.now().orderOver, test.gone)
			}
			if data, problems := tr.takeChain(); data != nil || len(problems) == 0 && test.status != 400 {
				t.Errorf("got %q as a certificate, and the problems %v", data, problems)
			}
		})
	}
}

// The certificate is the body behind the redirect, not the body of the redirect.
func TestACertificateIsReadBehindARedirect(t *testing.T) {
	t.Parallel()
	status := http.StatusServiceUnavailable
	ca := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/cert/ä" {
			http.Redirect(w, r, "/elsewhere", http.StatusSeeOther)
			return
		}
		w.WriteHeader(status)
		io.WriteString(w, "-----BEGIN CERTIFICATE-----\n")
	}))
	t.Cleanup(ca.Close)
	tr := transportTo(t, ca)
	fetch(t, tr)
	if data, problems := tr.takeChain(); data != nil || len(problems) != 1 ||
		!strings.Contains(problems[0].Detail, "503") {
		t.Errorf("got %q as a certificate, and the problems %v", data, problems)
	}
	status = http.StatusOK
	fetch(t, tr)
	if data, _ := tr.takeChain(); string(data) != "-----BEGIN CERTIFICATE-----\n" {
		t.Errorf("got %q as a certificate", data)
	}
}

// transportTo returns the transport of an attempt whose certificate has a URL at ca that net/http writes differently.
func transportTo(t *testing.T, ca *httptest.Server) *attempt {
	t.Helper()
	tr := &attempt{base: ca.Client().Transport, ctx: t.Context(), host: "a.test"}
	tr.order = cert.NewOrder(ca.URL+"/order", ca.URL+"/finalize", time.Time{}, time.Now())
	if _, err := tr.order.PrivateKey(); err != nil {
		t.Fatal(err)
	}
	body := fmt.Sprintf(`{"status":"valid","certificate":"%s/cert/ä"}`, ca.URL)
	r := httptest.NewRequest(http.MethodPost, ca.URL+"/order", nil)
	tr.note(answer{r, &http.Response{StatusCode: http.StatusOK, Header: http.Header{}}, []byte(body)}, false)
	return tr
}

func fetch(t *testing.T, tr *attempt) {
	t.Helper()
	resp, err := (&http.Client{Transport: tr}).Post(strings.ReplaceAll(tr.now().order.Certificate, "%C3%A4", "ä"),
		"application/jose+json", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
}

// autocert may treat an order as done although no URL of a certificate was read. The attempt must then fail.
func TestAnAttemptWithoutACertificateIsAnError(t *testing.T) {
	t.Parallel()
	at := &attempt{host: "a.test"}
	if c, err := at.collect(t.Context(), nil); err == nil {
		t.Errorf("got %+v and no error", c)
	}
}
