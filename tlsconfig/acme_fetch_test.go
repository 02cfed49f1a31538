package tlsconfig

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"example.com/turnkey/tlsconfig/chain/chaintest"
)

// What a CA sends is judged as files are, by the same table.
func TestWhatACASendsIsJudgedAsFilesAre(t *testing.T) {
	t.Parallel()
	const host = "shop.example.test"
	send := func(t *testing.T, row chaintest.Row) (candidate, error) {
		o := pendingOrder{Certificate: "https://ca.test/cert/1"}
		key, err := o.privateKey()
		if err != nil {
			t.Fatal(err)
		}
		ca := chaintest.New(t, host)
		data := row.From(ca, key.Public())
		if row.Spoil != nil {
			_, other := ca.Good()
			data, _ = row.Spoil(data, other)
		}
		at := &attempt{host: host, way: &listener{chain: data}}
		return at.judge(o, nil)
	}
	for _, row := range chaintest.Bad() {
		if row.Key != nil || row.OfKey { // the key is ours here
			continue
		}
		t.Run(row.Name, func(t *testing.T) {
			t.Parallel()
			c, err := send(t, row)
			said := c.lacks
			if err != nil {
				said = err.Error()
			}
			if said == "" || err == nil && !c.broken {
				t.Fatalf("got %q, want a fault", said)
			}
			if !row.Unmet && !strings.Contains(said, row.Says) { // the words of the others are about files
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
			if c, err := send(t, row); err != nil || c.lacks != "" || c.Leaf.VerifyHostname(host) != nil {
				t.Errorf("got %v %q", err, c.lacks)
			}
		})
	}
	t.Run(chaintest.Alone().Name, func(t *testing.T) {
		t.Parallel()
		if c, err := send(t, chaintest.Alone()); err != nil || c.broken || !strings.Contains(c.lacks, chaintest.Alone().Says) {
			t.Errorf("got %v %q", err, c.lacks)
		}
	})
}

// The last good certificate is served until a better one is there: the path counts, and not the dates alone.
func TestWhichCertificateIsBetter(t *testing.T) {
	t.Parallel()
	now := time.Now()
	until := func(d time.Duration, lacks string, broken bool) candidate {
		cert := lived(d)
		cert.Leaf.NotBefore = now.Add(-1000 * time.Hour)
		return candidate{cert, lacks, broken}
	}
	for _, test := range []struct {
		name     string
		new, old candidate
		want     bool
	}{
		{"anything for nothing", until(time.Hour, "a path", true), candidate{}, true},
		{"a renewal", until(2*time.Hour, "", false), until(time.Hour, "", false), true},
		{"the same again", until(time.Hour, "", false), until(time.Hour, "", false), false},
		{"a leaf alone for a whole one", until(2*time.Hour, "alone", false), until(time.Hour, "", false), false},
		{"a leaf alone for another", until(2*time.Hour, "alone", false), until(time.Hour, "alone", false), true},
		{"a broken path for a leaf alone", until(2*time.Hour, "path", true), until(time.Hour, "alone", false), false},
		{"a broken path for an expired one", until(2*time.Hour, "path", true), until(-time.Hour, "", false), true},
		{"a whole one for the same leaf alone", until(time.Hour, "", false), until(time.Hour, "alone", false), true},
		{"an expired one", until(-time.Hour, "", false), until(-2*time.Hour, "", false), false},
	} {
		if got := test.new.replaces(test.old, now); got != test.want {
			t.Errorf("%s: %v, want %v", test.name, got, test.want)
		}
	}
}

// A renewal that ends sooner than the old certificate is served, unless it is of an order that is older, or visitors cannot
// verify it as well.
func TestARenewalMayEndSooner(t *testing.T) {
	t.Parallel()
	now := time.Now()
	issued := func(ago, left time.Duration, lacks string) candidate {
		return candidate{&tls.Certificate{Leaf: &x509.Certificate{NotBefore: now.Add(-ago), NotAfter: now.Add(left)}}, lacks, false}
	}
	old := issued(2*time.Hour, 2*time.Hour, "")
	for _, test := range []struct {
		name       string
		new        candidate
		orderedNow bool
		want       bool
	}{
		{"it ends later", issued(time.Hour, 3*time.Hour, ""), false, true},
		{"it ends sooner", issued(time.Hour, time.Hour, ""), true, true},
		{"it ends sooner, and came at a later attempt", issued(time.Hour, time.Hour, ""), false, true},
		{"it has the same dates", issued(2*time.Hour, 2*time.Hour, ""), true, true},
		{"it is of an older order", issued(3*time.Hour, time.Hour, ""), false, false},
		{"it is a leaf alone", issued(time.Hour, 3*time.Hour, "alone"), true, false},
		{"it has expired", issued(time.Hour, -time.Minute, ""), true, false},
	} {
		if got := test.new.renews(old, test.orderedNow, now); got != test.want {
			t.Errorf("%s: %v, want %v", test.name, got, test.want)
		}
	}
	if first := issued(time.Hour, time.Hour, ""); !first.renews(candidate{}, true, now) {
		t.Error("the first certificate is not served")
	}
}

// An order lives as long as its CA says, and not for ever; its request is for the key that was kept.
func TestAnOrderUnderWay(t *testing.T) {
	t.Parallel()
	now := time.Now()
	for _, test := range []struct {
		says time.Time
		want time.Duration
	}{{time.Time{}, orderLife}, {now.Add(-time.Hour), orderLife}, {now.Add(time.Hour), time.Hour}, {now.AddDate(10, 0, 0), longestOrder}} {
		if o := newPendingOrder("u", "f", test.says, now); o.Expires.Sub(now) != test.want {
			t.Errorf("expires after %s, want %s", o.Expires.Sub(now), test.want)
		}
	}
	o := newPendingOrder("u", "f", time.Time{}, now)
	if o.waits(now) {
		t.Error("waits for a certificate before there is a key")
	}
	for _, host := range []string{"shop.example.test", strings.Repeat("long.", 20) + "example.test"} {
		der, err := o.request(host)
		if err != nil {
			t.Fatal(err)
		}
		csr, err := x509.ParseCertificateRequest(der)
		if err != nil || csr.CheckSignature() != nil || len(csr.DNSNames) != 1 || csr.DNSNames[0] != host || len(csr.Subject.CommonName) > 64 {
			t.Errorf("request = %+v %v", csr, err)
		}
		key, err := o.privateKey()
		if err != nil || !key.PublicKey.Equal(csr.PublicKey) {
			t.Error("the request is for another key")
		}
	}
	if !o.waits(now) || o.waits(now.Add(8*24*time.Hour)) {
		t.Error("does not wait for its life, or longer")
	}
}

// A proxy's page or error says nothing about an order. A problem document is the CA's word, and one that will be said
// again ends the order.
func TestOnlyTheCAsOwnWordEndsAnOrder(t *testing.T) {
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
			l := wayTo(t, ca)
			fetch(t, l)
			if l.lost() != test.gone {
				t.Errorf("the order is over: %v, want %v", l.lost(), test.gone)
			}
			if data, problems := l.takeChain(); data != nil || len(problems) == 0 && test.status != 400 {
				t.Errorf("got %q as a certificate, and the problems %v", data, problems)
			}
		})
	}
}

// A certificate behind a redirect is the one that is read, and not the redirect's own body.
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
	l := wayTo(t, ca)
	fetch(t, l)
	if data, problems := l.takeChain(); data != nil || len(problems) != 1 || !strings.Contains(problems[0].Detail, "503") {
		t.Errorf("got %q as a certificate, and the problems %v", data, problems)
	}
	status = http.StatusOK
	fetch(t, l)
	if data, _ := l.takeChain(); string(data) != "-----BEGIN CERTIFICATE-----\n" {
		t.Errorf("got %q as a certificate", data)
	}
}

// wayTo is the way of an attempt whose certificate is at a URL of ca that net/http spells in another way.
func wayTo(t *testing.T, ca *httptest.Server) *listener {
	t.Helper()
	l := &listener{authority: &authority{transport: ca.Client().Transport}, ctx: t.Context(), host: "a.test"}
	l.order = newPendingOrder(ca.URL+"/order", ca.URL+"/finalize", time.Time{}, time.Now())
	if _, err := l.order.privateKey(); err != nil {
		t.Fatal(err)
	}
	body := fmt.Sprintf(`{"status":"valid","certificate":"%s/cert/ä"}`, ca.URL)
	r := httptest.NewRequest(http.MethodPost, ca.URL+"/order", nil)
	l.note(r, &http.Response{StatusCode: http.StatusOK, Header: http.Header{}}, []byte(body), false)
	return l
}

func fetch(t *testing.T, l *listener) {
	t.Helper()
	resp, err := (&http.Client{Transport: l}).Post(strings.ReplaceAll(l.pending().Certificate, "%C3%A4", "ä"), "application/jose+json", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
}

// autocert may take an order for done of which no certificate's URL was read. That is an error, and no certificate.
func TestAnAttemptWithoutACertificateIsAnError(t *testing.T) {
	t.Parallel()
	at := &attempt{host: "a.test", way: &listener{}}
	if c, err := at.collect(t.Context(), nil); err == nil {
		t.Errorf("got %+v and no error", c)
	}
}

// A pending order may be older than what is served, which another process put in the store. The next order waits, or a store
// that cannot remove the old one would make a loop.
func TestAPendingOrderThatIsOlderIsDroppedAndTheNextAttemptWaits(t *testing.T) {
	t.Parallel()
	source, err := newACME(Options{Mode: ACME, Domains: []string{"a.test"}, Directory: "https://ca.test/dir", CacheDir: t.TempDir(),
		Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	h, now := source.(*acmeSource).hosts[0], time.Now()
	o := newPendingOrder("https://ca.test/order", "https://ca.test/finalize", time.Time{}, now)
	if _, err := o.privateKey(); err != nil {
		t.Fatal(err)
	}
	h.keepOrder(o)
	if h.pendingOrder() == nil {
		t.Fatal("the order is not pending")
	}
	h.record.Failures, h.record.Next = 3, now.Add(time.Minute)
	h.keepOld(t.Context(), candidate{Certificate: lived(time.Hour)}, candidate{Certificate: lived(2 * time.Hour)}, 2, now)
	if _, err := h.source.production.store.get(t.Context(), h.orderFile()); h.pendingOrder() != nil || !isMissing(err) {
		t.Errorf("the order is still there: %v", err)
	}
	if h.record.Failures != 2 || !h.record.Next.After(now) {
		t.Errorf("%d failures, and the next attempt is at %s; want those of before, and a wait", h.record.Failures, h.record.Next)
	}
}
