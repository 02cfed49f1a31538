package command_test

import (
	"bufio"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/gin-gonic/gin"

	"example.com/turnkey/app/internal/command"
	"example.com/turnkey/app/kit"
	"example.com/turnkey/middleware"
)

// faulty has routes that make the mistakes handlers can make.
func faulty(r *gin.Engine) {
	r.GET("/panic", func(c *gin.Context) { panic("secret inside") })
	r.GET("/panic-late", func(c *gin.Context) {
		c.String(200, strings.Repeat("x", 10000))
		c.Writer.Flush()
		panic("too late")
	})
	r.GET("/error-late", kit.E(func(c *gin.Context) error {
		c.String(200, "half")
		return errors.New("too late")
	}))
	r.GET("/no-order", func(c *gin.Context) {
		c.Error(fmt.Errorf("secret table: %w", kit.Status(410, "that order is gone")))
	})
	r.GET("/error", func(c *gin.Context) { c.Error(errors.New("secret cause")) })
	r.GET("/template", func(c *gin.Context) { c.HTML(200, "home", 42) }) // 42 has no field Scheme
	r.POST("/echo", func(c *gin.Context) {
		data, err := io.ReadAll(c.Request.Body)
		if err != nil {
			c.Error(err)
			return
		}
		c.String(200, "%d", len(data))
	})
}

func TestForwardingHeadersOfUntrustedClientsAreIgnored(t *testing.T) {
	t.Parallel()
	s := start(t, prod)
	_, body := s.do("GET", "https://shop.test/seen", "", "X-Forwarded-For", "203.0.113.9", "X-Real-IP", "203.0.113.9",
		"CF-Connecting-IP", "203.0.113.9", "X-Forwarded-Proto", "http", "X-Forwarded-Host", "evil.test")
	var got map[string]any
	json.Unmarshal([]byte(body), &got)
	if got["client"] != "127.0.0.1" || got["scheme"] != "https" || got["host"] != "shop.test" {
		t.Errorf("got %s, want the socket's own address, scheme and host", body)
	}
}

func TestForwardingHeadersOfTrustedProxyAreUsed(t *testing.T) {
	t.Parallel()
	settings := map[string]string{"ENV": "prod", "TLS_MODE": "proxy", "DOMAINS": "shop.test", "HTTPS_ADDR": ""}
	s := start(t, settings)
	resp, body := s.do("GET", "http://shop.test/seen", "", "X-Forwarded-For", "6.6.6.6, 203.0.113.9", "X-Forwarded-Proto", "https")
	if resp.StatusCode != 200 || !strings.Contains(body, `"client":"203.0.113.9"`) || !strings.Contains(body, `"scheme":"https"`) {
		t.Errorf("got %d %s, want the last forwarded address and https", resp.StatusCode, body)
	}
	if got := resp.Header.Get("Strict-Transport-Security"); got != "max-age=31536000" {
		t.Errorf("HSTS over forwarded https is %q, want a year", got)
	}
	resp, _ = s.do("POST", "http://shop.test/a?b=c", "", "X-Forwarded-Proto", "http")
	if got := resp.Header.Get("Location"); resp.StatusCode != 308 || got != "https://shop.test/a?b=c" {
		t.Errorf("forwarded http got %d %q, want 308 to https", resp.StatusCode, got)
	}
	if got := resp.Header.Get("Strict-Transport-Security"); got != "" {
		t.Errorf("HSTS over forwarded http is %q, want none", got)
	}
	// A proxy may not send the visitor's scheme. A redirect to https would then loop.
	if resp, _ = s.do("GET", "http://shop.test/", ""); resp.StatusCode != 200 {
		t.Errorf("without X-Forwarded-Proto got %d, want 200", resp.StatusCode)
	}
	s.logged("the proxy does not say whether visitors come over https; without that there is no redirect to https and no HSTS")
}

func TestRedirectToConfiguredHostsOnly(t *testing.T) {
	t.Parallel()
	s := start(t, prod)
	for _, test := range []struct {
		method, url, host string
		status            int
		location          string
	}{
		{"GET", "http://shop.test/a/b?c=d&e=%2F", "", 308, "https://shop.test/a/b?c=d&e=%2F"},
		{"POST", "http://www.shop.test/", "", 308, "https://www.shop.test/"},
		{"GET", "http://shop.test//evil.test/x", "", 308, "https://shop.test//evil.test/x"},
		{"GET", "http://shop.test/", "SHOP.Test.", 308, "https://shop.test/"},
		{"GET", "http://shop.test/", "shop.test" + s.http[strings.LastIndex(s.http, ":"):], 308, "https://shop.test" + s.https[strings.LastIndex(s.https, ":"):] + "/"},
		{"GET", "http://shop.test/", "evil.test", 421, ""},
		{"GET", "http://shop.test/", "shop.test.evil.test", 421, ""},
		{"GET", "http://shop.test/", "127.0.0.1", 421, ""},
		{"GET", "https://shop.test/", "evil.test", 421, ""},
		{"GET", "http://shop.test/healthz", "10.0.0.1", 200, ""},
		{"GET", "http://shop.test/readyz", "10.0.0.1", 200, ""},
		{"GET", "https://shop.test/readyz", "10.0.0.1:8443", 200, ""},
	} {
		headers := []string{}
		if test.host != "" {
			headers = []string{"Host", test.host}
		}
		resp, _ := s.do(test.method, test.url, "", headers...)
		if got := resp.Header.Get("Location"); resp.StatusCode != test.status || got != test.location {
			t.Errorf("%s %s as %q: got %d %q, want %d %q", test.method, test.url, test.host, resp.StatusCode, got, test.status, test.location)
		}
		if got := resp.Header.Get("Strict-Transport-Security"); strings.HasPrefix(test.url, "http:") && got != "" {
			t.Errorf("%s over plain http has HSTS %q, which RFC 6797 §7.2 forbids", test.url, got)
		}
	}
}

func TestHSTSOnEveryStatus(t *testing.T) {
	t.Parallel()
	s := start(t, prod, faulty)
	for _, test := range []struct {
		method, url string
		status      int
	}{
		{"GET", "https://shop.test/", 200}, {"GET", "https://shop.test/nowhere", 404}, {"POST", "https://shop.test/", 405},
		{"GET", "https://other.test/", 421}, {"GET", "https://shop.test/panic", 500}, {"GET", "https://shop.test/static/style.css", 200},
		{"GET", "https://shop.test/static/nothing.css", 404},
	} {
		headers := []string{}
		url := test.url
		if strings.Contains(url, "other.test") {
			url, headers = "https://shop.test/", []string{"Host", "other.test"}
		}
		resp, _ := s.do(test.method, url, "", headers...)
		if got := resp.Header.Get("Strict-Transport-Security"); resp.StatusCode != test.status || got != "max-age=31536000" {
			t.Errorf("%s %s: got %d with HSTS %q, want %d with a year", test.method, test.url, resp.StatusCode, got, test.status)
		}
	}
}

func TestWrongMethodIs405WithAllow(t *testing.T) {
	t.Parallel()
	s := start(t, prod)
	resp, _ := s.do("DELETE", "https://shop.test/seen", "")
	if got := resp.Header.Get("Allow"); resp.StatusCode != 405 || got != "GET, HEAD" {
		t.Errorf("got %d, Allow %q, want 405 and GET, HEAD", resp.StatusCode, got)
	}
}

func TestHeadOnGetRoutes(t *testing.T) {
	t.Parallel()
	s := start(t, prod)
	get, body := s.ask("https://shop.test/static/style.css") // without the client's own decompression
	head, none := s.do("HEAD", "https://shop.test/static/style.css", "")
	if head.StatusCode != 200 || none != "" || head.ContentLength != get.ContentLength || int(get.ContentLength) != len(body) {
		t.Errorf("HEAD got %d with %d bytes announced and %d sent, want those of GET (%d) and none", head.StatusCode, head.ContentLength, len(none), get.ContentLength)
	}
	s.logged("request", "method", "HEAD", "path", "/static/style.css")
}

// Monitoring services send HEAD every minute. A page longer than the buffers of net/http must not log an error then.
func TestHeadOfALongPageIsNoError(t *testing.T) {
	t.Parallel()
	s := start(t, prod, func(r *gin.Engine) {
		r.GET("/long", func(c *gin.Context) { c.String(200, "%s", strings.Repeat("long ", 1<<14)) })
	})
	resp, _ := s.do("HEAD", "https://shop.test/long", "")
	if resp.StatusCode != 200 || resp.ProtoMajor != 2 {
		t.Errorf("got %d over %s, want 200 over HTTP/2", resp.StatusCode, resp.Proto)
	}
	s.logged("request", "path", "/long")
	if out := s.Log(); strings.Contains(out, "request failed") {
		t.Errorf("the log tells of an error:\n%s", out)
	}
}

// A client reads no body of a response to HEAD, so the stream must end. Over HTTP/1.1 it would also keep the connection
// from further requests.
func TestHeadEndsAStream(t *testing.T) {
	t.Parallel()
	ended := make(chan struct{}, 1)
	s := start(t, prod, func(r *gin.Engine) {
		r.GET("/stream", func(c *gin.Context) {
			c.SSEvent("hello", "first")
			c.Writer.Flush()
			<-c.Request.Context().Done()
			ended <- struct{}{}
		})
		r.GET("/gin", func(c *gin.Context) {
			c.Stream(func(io.Writer) bool { c.SSEvent("hello", "again"); return true })
			ended <- struct{}{}
		})
	})
	client := *s.client
	client.Transport = onlyHTTP1(s.client.Transport.(*http.Transport))
	for _, path := range []string{"/stream", "/stream", "/gin", "/gin"} { // all over the same connection
		resp, err := client.Head("https://shop.test" + path)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if got := resp.Header.Get("Content-Type"); resp.StatusCode != 200 || got != "text/event-stream;charset=utf-8" {
			t.Errorf("got %d %s, want the stream's own header", resp.StatusCode, got)
		}
		select {
		case <-ended:
		case <-time.After(5 * time.Second):
			t.Fatal("the handler does not end")
		}
	}
}

// A WebSocket begins with GET (RFC 6455 §4.1), so a HEAD with the headers of an upgrade is answered as a HEAD.
func TestHeadAsksForNoUpgrade(t *testing.T) {
	t.Parallel()
	s := start(t, prod, func(r *gin.Engine) {
		r.GET("/test-socket", func(c *gin.Context) {
			if c.IsWebsocket() {
				conn, _, err := c.Writer.Hijack()
				if err != nil {
					c.Error(err)
					return
				}
				conn.Close()
				return
			}
			c.Status(http.StatusUpgradeRequired)
		})
	})
	client := *s.client
	client.Transport = onlyHTTP1(s.client.Transport.(*http.Transport))
	req, _ := http.NewRequest("HEAD", "https://shop.test/test-socket", nil)
	req.Header.Set("Connection", "Upgrade")
	req.Header.Set("Upgrade", "websocket")
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusUpgradeRequired {
		t.Errorf("got %d, want what a request without an upgrade gets", resp.StatusCode)
	}
}

// gin's own redirect of /x/ to /x runs no middleware: no HSTS, no log line (gin-gonic/gin#1985).
func TestTrailingSlashSkipsNoMiddleware(t *testing.T) {
	t.Parallel()
	s := start(t, prod)
	resp, _ := s.do("GET", "https://shop.test/seen/", "")
	if resp.StatusCode != 404 || resp.Header.Get("Strict-Transport-Security") == "" {
		t.Errorf("got %d %v, want a 404 of ours", resp.StatusCode, resp.Header)
	}
	s.logged("request", "path", "/seen/")
}

func TestBrokenTemplateIsAnErrorPage(t *testing.T) {
	t.Parallel()
	s := start(t, prod, faulty)
	resp, body := s.do("GET", "https://shop.test/template", "", "Accept", "text/html")
	if resp.StatusCode != 500 || strings.Contains(body, "<dl>") || !strings.HasSuffix(strings.TrimSpace(body), "</html>") || strings.Count(body, "<html") != 1 {
		t.Errorf("got %d and a page\n%s\nwant a whole error page and nothing of the broken one", resp.StatusCode, body)
	}
	if got := s.logged("request failed", "path", "/template"); !strings.Contains(fmt.Sprint(got["error"]), "Scheme") {
		t.Errorf("the log says %v, want the template's own words", got["error"])
	}
}

func TestPanicBeforeTheFirstByteIsAnErrorPage(t *testing.T) {
	t.Parallel()
	s := start(t, prod, faulty)
	for _, path := range []string{"/panic", "/error"} {
		resp, body := s.do("GET", "https://shop.test"+path, "")
		if resp.StatusCode != 500 || resp.Header.Get("Content-Type") != "application/problem+json" || strings.Contains(body, "secret") {
			t.Errorf("%s: got %d %s %s, want a problem that says nothing of the inside", path, resp.StatusCode, resp.Header.Get("Content-Type"), body)
		}
	}
	if resp, body := s.do("GET", "https://shop.test/no-order", ""); resp.StatusCode != 410 || !strings.Contains(body, "that order is gone") || strings.Contains(body, "secret") {
		t.Errorf("an error with a status got %d %s, want 410 and its text", resp.StatusCode, body)
	}
	entry := s.logged("request failed", "error", "panic: secret inside")
	if !strings.Contains(fmt.Sprint(entry["stack"]), "router_test.go") || entry["request_id"] == nil {
		t.Errorf("the log line has stack %v and id %v, want where it happened and to whom", entry["stack"], entry["request_id"])
	}
}

// gin's recovery completes a response that a panic interrupted. Clients and caches would keep it as the whole page.
func TestPanicAfterTheFirstByteAbortsTheResponse(t *testing.T) {
	t.Parallel()
	s := start(t, prod, faulty)
	for _, path := range []string{"/panic-late", "/error-late"} {
		for _, proto := range []string{"HTTP/1.1", "HTTP/2.0"} {
			client := *s.client
			if proto == "HTTP/1.1" {
				client.Transport = onlyHTTP1(s.client.Transport.(*http.Transport))
			}
			resp, err := client.Get("https://shop.test" + path)
			if err == nil {
				_, err = io.ReadAll(resp.Body)
				resp.Body.Close()
				if resp.Proto != proto {
					t.Errorf("spoke %s, want %s", resp.Proto, proto)
				}
			}
			if err == nil {
				t.Errorf("%s over %s looks complete", path, proto)
			}
		}
	}
	s.logged("request failed after its first byte; the connection is cut", "path", "/panic-late")
}

func TestNoSecretsInTheAccessLog(t *testing.T) {
	t.Parallel()
	s := start(t, prod, faulty)
	s.do("GET", "https://shop.test/panic?token=hush1", "", "Cookie", "session=hush2", "Authorization", "Bearer hush3", "X-Api-Key", "hush4")
	entry := s.logged("request", "path", "/panic")
	for _, key := range []string{"method", "path", "status", "bytes", "duration_ms", "client", "proto", "request_id"} {
		if entry[key] == nil {
			t.Errorf("the access line has no %s: %v", key, entry)
		}
	}
	if out := s.Log(); strings.Contains(out, "hush") {
		t.Errorf("a secret is in the log:\n%s", out)
	}
}

func TestProbesAreSilent(t *testing.T) {
	t.Parallel()
	s := start(t, prod)
	s.do("GET", "https://shop.test/healthz", "")
	s.do("GET", "https://shop.test/readyz", "")
	s.do("GET", "https://shop.test/", "")
	s.logged("request", "path", "/")
	if out := s.Log(); strings.Contains(out, "healthz") || strings.Contains(out, "readyz") {
		t.Errorf("probes are in the log at info:\n%s", out)
	}
}

func TestRequestID(t *testing.T) {
	t.Parallel()
	s := start(t, prod)
	resp, _ := s.do("GET", "https://shop.test/", "", "X-Request-Id", "abc-123_X.y")
	if got := resp.Header.Get("X-Request-Id"); got != "abc-123_X.y" {
		t.Errorf("a valid id came back as %q", got)
	}
	s.logged("request", "request_id", "abc-123_X.y")
	seen := map[string]bool{}
	for _, bad := range []string{"", "with space", `quo"te`, "é", strings.Repeat("a", 65), "a/b"} {
		resp, _ := s.do("GET", "https://shop.test/", "", "X-Request-Id", bad)
		got := resp.Header.Get("X-Request-Id")
		if got == bad || len(got) != 32 || seen[got] {
			t.Errorf("for %q got %q, want 32 fresh digits", bad, got)
		}
		seen[got] = true
	}
}

func TestBodyLimit(t *testing.T) {
	t.Parallel()
	s := start(t, prod, faulty)
	if resp, body := s.do("POST", "https://shop.test/echo", strings.Repeat("x", maxBody)); resp.StatusCode != 200 || body != "1048576" {
		t.Errorf("a body at the limit got %d %s, want 200", resp.StatusCode, body)
	}
	if resp, body := s.do("POST", "https://shop.test/echo", strings.Repeat("x", maxBody+1)); resp.StatusCode != 413 || !strings.Contains(body, `"status":413`) {
		t.Errorf("a body over the limit got %d %s, want 413 through the error path", resp.StatusCode, body)
	}
	// Without a Content-Length the limit shows only while the body is read.
	req, _ := http.NewRequest("POST", "https://shop.test/echo", io.MultiReader(strings.NewReader(strings.Repeat("x", maxBody)), strings.NewReader("x")))
	resp, err := s.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != 413 {
		t.Errorf("an unannounced body over the limit got %d, want 413", resp.StatusCode)
	}
}

func TestHeaderLimit(t *testing.T) {
	t.Parallel()
	s := start(t, prod)
	conn, err := tls.Dial("tcp", s.https, &tls.Config{ServerName: "shop.test", RootCAs: s.client.Transport.(*http.Transport).TLSClientConfig.RootCAs})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: shop.test\r\nX-Long: %s\r\n\r\n", strings.Repeat("a", maxHeader+8192))
	line, _ := bufio.NewReader(conn).ReadString('\n')
	if !strings.Contains(line, "431") {
		t.Errorf("got %q, want 431", line)
	}
}

func TestErrorFormatFollowsAccept(t *testing.T) {
	t.Parallel()
	s := start(t, prod)
	for accept, want := range map[string]string{
		"": "application/problem+json", "*/*": "application/problem+json", "application/json": "application/problem+json",
		"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8": "text/html; charset=utf-8",
		"text/html;q=0.1, application/json;q=0.9":                         "application/problem+json",
		"text/html;q=0": "application/problem+json",
	} {
		resp, body := s.do("GET", "https://shop.test/nowhere", "", "Accept", accept)
		if got := resp.Header.Get("Content-Type"); got != want || resp.StatusCode != 404 {
			t.Errorf("Accept %q: got %d %s, want 404 %s", accept, resp.StatusCode, got, want)
		}
		if !strings.Contains(body, resp.Header.Get("X-Request-Id")) {
			t.Errorf("Accept %q: the answer does not name its request: %s", accept, body)
		}
	}
}

func TestAnotherSiteCannotPost(t *testing.T) {
	t.Parallel()
	s := start(t, prod, faulty)
	resp, body := s.do("POST", "https://shop.test/echo", "x", "Sec-Fetch-Site", "cross-site", "Origin", "https://evil.test")
	if resp.StatusCode != 403 || !strings.Contains(body, "A page of another site sent this") || strings.Contains(body, "Sec-Fetch") {
		t.Errorf("a form of another site got %d, want 403 in words for a visitor:\n%s", resp.StatusCode, body)
	}
	if resp, _ := s.do("POST", "https://shop.test/echo", "x", "Sec-Fetch-Site", "same-origin", "Origin", "https://shop.test"); resp.StatusCode != 200 {
		t.Errorf("our own form got %d, want 200", resp.StatusCode)
	}
}

// A site may lack the page "error". Visitors then get a plain one, and that is no fault to be logged.
func TestErrorWithoutAnErrorTemplate(t *testing.T) {
	t.Parallel()
	p := command.Sample()
	p.Files = fstest.MapFS{"static/a.txt": {Data: []byte("a")}, "templates/own.html": {Data: []byte(`{{define "own"}}mine{{end}}`)}}
	p.Routes = func(r *gin.Engine, server kit.Server) error {
		r.GET("/own", func(c *gin.Context) { c.HTML(200, "own", nil) })
		return command.SampleRoutes(r, server)
	}
	s := startSite(t, prod, p, faulty)
	if resp, body := s.do("GET", "https://shop.test/own", ""); resp.StatusCode != 200 || body != "mine" {
		t.Errorf("the page got %d %q", resp.StatusCode, body)
	}
	for path, status := range map[string]int{"/nowhere": 404, "/panic": 500, "/": 500} {
		resp, body := s.do("GET", "https://shop.test"+path, "", "Accept", "text/html")
		isPlainPage(t, path, resp, body, status)
	}
	if lines := s.lines("page \"error\" fails"); len(lines) > 0 {
		t.Errorf("a site without an error page is told that it fails: %v", lines)
	}
}

// isPlainPage checks that an answer is the whole page that needs nothing of the site, and that browsers show its style.
func isPlainPage(t *testing.T, path string, resp *http.Response, body string, status int) {
	t.Helper()
	title := fmt.Sprint("<title>", status, " ", http.StatusText(status), "</title>")
	if resp.StatusCode != status || resp.Header.Get("Content-Type") != "text/html; charset=utf-8" || !strings.HasPrefix(body, "<!doctype html>") ||
		!strings.HasSuffix(body, "</html>\n") || !strings.Contains(body, title) || !strings.Contains(body, resp.Header.Get("X-Request-Id")) {
		t.Errorf("%s got %d %s\n%s\nwant a whole page", path, resp.StatusCode, resp.Header.Get("Content-Type"), body)
	}
	_, style, _ := strings.Cut(body, "<style>")
	style, _, _ = strings.Cut(style, "</style>")
	sum := sha256.Sum256([]byte(style))
	if source := "style-src 'self' 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"; !strings.Contains(resp.Header.Get("Content-Security-Policy"), source) {
		t.Errorf("%s: %s does not allow the page's style", path, resp.Header.Get("Content-Security-Policy"))
	}
}

// An error page that fails must not take the error with it, and its owner has to know.
func TestABrokenErrorPageIsReplacedByAPlainOne(t *testing.T) {
	t.Parallel()
	for name, breakIt := range map[string]func(*kit.Site){
		"the template": func(s *kit.Site) {
			s.Files = fstest.MapFS{"templates/error.html": {Data: []byte(`{{define "error"}}half{{.Status.Nope}}{{end}}`)}}
		},
		"its value": func(s *kit.Site) {
			s.ErrorPage = func(*gin.Context, middleware.Problem) any { panic("no value") }
		},
		"the type": func(s *kit.Site) {
			s.ErrorPage = func(*gin.Context, middleware.Problem) any { return 7 }
		},
	} {
		site := command.Sample()
		breakIt(&site)
		s := startSite(t, prod, site)
		for range 2 {
			resp, body := s.do("GET", "https://shop.test/nowhere", "", "Accept", "text/html")
			isPlainPage(t, name, resp, body, 404)
			if strings.Contains(body, "half") {
				t.Errorf("%s: the page has a part of the broken one:\n%s", name, body)
			}
		}
		if lines := s.lines("page \"error\" fails"); len(lines) != 1 || lines[0]["level"] != "ERROR" {
			t.Errorf("%s is broken, and the log says %v; want one ERROR", name, lines)
		}
	}
}

// A broken layout breaks every page, the error page included.
func TestBrokenLayoutIsAnErrorPageInDevelopment(t *testing.T) {
	dir := t.TempDir()
	broken := fstest.MapFS{"web/static/style.css": {}, "web/templates/layout.html": {Data: []byte(`{{define "header"}}{{if}}{{end}}`)}}
	if err := os.CopyFS(dir, broken); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	router := handlerOf(t, nil, command.Sample(), io.Discard)
	for path, status := range map[string]int{"/": 500, "/nowhere": 404, "/healthz": 200} {
		for _, own := range []bool{true, false} {
			r := httptest.NewRequest("GET", "https://localhost"+path, nil)
			r.Header.Set("Accept", "text/html")
			if r.RemoteAddr = "192.0.2.7:4000"; own {
				r.RemoteAddr = "127.0.0.1:4000"
			}
			w := httptest.NewRecorder()
			router.ServeHTTP(w, r)
			body := w.Body.String()
			told := strings.Contains(body, "web/templates/layout.html:1: missing value for if")
			if w.Code != status || status != 200 && (!strings.HasSuffix(body, "</html>\n") || told != own) {
				t.Errorf("with a broken layout %s got, on this machine: %v, %d %q, want %d", path, own, w.Code, body, status)
			}
		}
	}
}
