package middleware

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"github.com/gin-gonic/gin"

	"example.com/turnkey/middleware/host"
	"example.com/turnkey/middleware/proxyheader"
)

// chained serves a few routes behind Chain(o).
func chained(t *testing.T, o Options) *httptest.Server {
	t.Helper()
	gin.SetMode(gin.ReleaseMode)
	r := gin.New()
	r.HandleMethodNotAllowed = true
	r.Use(Chain(o)...)
	r.NoRoute(NotFound)
	r.NoMethod(MethodNotAllowed)
	r.GET("/", func(c *gin.Context) { c.String(http.StatusOK, "home") })
	r.GET("/healthz", func(c *gin.Context) { c.Status(http.StatusNoContent) })
	r.GET("/panic", func(*gin.Context) { panic("out of order") })
	r.POST("/echo", func(c *gin.Context) {
		body, err := io.ReadAll(c.Request.Body)
		if err != nil {
			c.Error(err)
			return
		}
		c.Data(http.StatusOK, "text/plain", body)
	})
	r.POST("/number", func(c *gin.Context) {
		var in struct {
			N int `json:"n"`
		}
		if err := c.ShouldBindJSON(&in); err != nil {
			c.Error(err)
			return
		}
		c.JSON(http.StatusOK, in)
	})
	srv := httptest.NewServer(Target(Head(r)))
	t.Cleanup(srv.Close)
	srv.Client().CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return srv
}

// send sends a request with a Host and further headers, in pairs.
func send(t *testing.T, srv *httptest.Server, method, path, body string, headers ...string) *http.Response {
	t.Helper()
	req, err := http.NewRequest(method, srv.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		if headers[i] == "Host" {
			req.Host = headers[i+1]
			continue
		}
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := srv.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	return resp
}

func TestChainWithoutOptionsServes(t *testing.T) {
	t.Parallel()
	srv := chained(t, Options{Log: slog.New(slog.DiscardHandler)})
	for _, test := range []struct {
		method, path, body string
		want               int
	}{
		{"GET", "/", "", 200}, {"HEAD", "/", "", 200}, {"GET", "/nowhere", "", 404}, {"POST", "/", "", 405},
		{"GET", "/panic", "", 500}, {"POST", "/echo", strings.Repeat("x", bodyLimit), 200},
		{"POST", "/echo", strings.Repeat("x", bodyLimit+1), 413}, {"POST", "/number", `{"n": "one"}`, 400},
		{"POST", "/number", `{"n": `, 400},
	} {
		resp := send(t, srv, test.method, test.path, test.body, "Host", "any.test")
		if resp.StatusCode != test.want {
			t.Errorf("%s %s with %d bytes got %d, want %d",
				test.method, test.path, len(test.body), resp.StatusCode, test.want)
		}
		if resp.Header.Get("Strict-Transport-Security") != "" {
			t.Errorf("%s %s got HSTS, and there is none in the options", test.method, test.path)
		}
	}
}

// logLines collects a JSON log.
type logLines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logLines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// statusOf returns the statuses in the access log for the request with that id.
func (l *logLines) statusOf(id string) (statuses []int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for line := range bytes.Lines(l.b.Bytes()) {
		var entry struct {
			Msg       string
			Status    int
			RequestID string `json:"request_id"`
		}
		if json.Unmarshal(line, &entry) == nil && entry.Msg == "request" && entry.RequestID == id {
			statuses = append(statuses, entry.Status)
		}
	}
	return statuses
}

// Each part of the chain can end a request. The response must still have an id, the security headers and a log line.
func TestRefusalsHaveIDSecurityHeadersAndLogLine(t *testing.T) {
	t.Parallel()
	const hsts, app = "max-age=31536000", "https://app.test"
	var log logLines
	srv := chained(t, Options{
		Log:     slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Proxies: proxyheader.Policy{Trusted: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, TLSEnds: true},
		Hosts:   host.NewSet([]string{"shop.test", "192.0.2.7", "2001:db8::1"}), Probes: []string{"/healthz"}, HSTS: hsts,
		Origins:    []string{app},
		BodyLimits: map[string]int64{"/echo": 10},
	})
	for _, test := range []struct {
		name, method, path, body string
		headers                  []string
		status                   int
		header, value            string
	}{
		{"the handler", "GET", "/", "", nil, 200, "", ""},
		{"no route", "GET", "/nowhere", "", nil, 404, "Content-Type", "application/problem+json"},
		{"no method", "POST", "/", "", nil, 405, "Allow", "GET, HEAD"},
		{"a panic", "GET", "/panic", "", nil, 500, "Content-Type", "application/problem+json"},
		{"Hosts", "GET", "/", "", []string{"Host", "evil.test"}, 421, "Location", ""},
		{"Hosts before the redirect", "GET", "/", "", []string{"Host", "evil.test", "X-Forwarded-Proto", "http"}, 421,
			"Location", ""},
		{"the redirect", "GET", "/a?b", "", []string{"X-Forwarded-Proto", "http"}, 308,
			"Location", "https://shop.test/a?b"},
		{"an address", "GET", "/", "", []string{"Host", "192.0.2.7:8443"}, 200, "", ""},
		{"another address", "GET", "/", "", []string{"Host", "192.0.2.8"}, 421, "", ""},
		{"the redirect of an address", "GET", "/a?b", "", []string{"Host", "[2001:DB8::0:1]", "X-Forwarded-Proto", "http"},
			308, "Location", "https://[2001:db8::1]/a?b"},
		{"a probe", "GET", "/healthz", "", []string{"Host", "192.0.2.1", "X-Forwarded-Proto", "http"}, 204, "", ""},
		{"CORS", "OPTIONS", "/echo", "", []string{"Origin", app, "Access-Control-Request-Method", "POST"}, 204,
			"Access-Control-Allow-Origin", app},
		{"SameOrigin", "POST", "/echo", "", []string{"Origin", "https://evil.test"}, 403,
			"Access-Control-Allow-Origin", ""},
		{"MediaTypes", "POST", "/echo", "a: b", []string{"Content-Type", "application/x-yaml", "Origin", app}, 415,
			"Access-Control-Allow-Origin", app},
		{"MediaTypes before BodyLimit", "POST", "/echo", "a: beautiful", []string{"Content-Type", "application/x-yaml"},
			415, "", ""},
		{"BodyLimit", "POST", "/echo", "eleven bytes", []string{"Origin", app}, 413,
			"Access-Control-Allow-Origin", app},
	} {
		headers := append([]string{"Host", "shop.test", "X-Forwarded-Proto", "https"}, test.headers...)
		resp := send(t, srv, test.method, test.path, test.body, headers...)
		if resp.StatusCode != test.status {
			t.Errorf("%s: got %d, want %d", test.name, resp.StatusCode, test.status)
		}
		if got := resp.Header.Get(test.header); test.header != "" && got != test.value {
			t.Errorf("%s: %s is %q, want %q", test.name, test.header, got, test.value)
		}
		sent, given := resp.Header.Get("Strict-Transport-Security"), strings.Join(test.headers, " ")
		without := strings.Contains(given, "X-Forwarded-Proto http") || strings.Contains(given, "Host 192.")
		if sent != "" && sent != hsts || (sent == "") != without {
			t.Errorf("%s: HSTS is %q, want it over https and for names alone", test.name, sent)
		}
		if got := resp.Header.Get("X-Frame-Options"); got != "DENY" {
			t.Errorf("%s: X-Frame-Options is %q", test.name, got)
		}
		id := resp.Header.Get(requestIDHeader)
		if got := log.statusOf(id); id == "" || len(got) != 1 || got[0] != test.status {
			t.Errorf("%s: the log has the statuses %v for the request %q, want %d", test.name, got, id, test.status)
		}
	}
}
