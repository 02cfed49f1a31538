package command_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/http/httputil"
	"net/textproto"
	"net/url"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/gin-gonic/gin"

	"example.com/turnkey/app/kit"
)

// A response that gin or net/http answers in a way of its own is whole, has the headers of all others, and is the same over HTTP/1.1 and
// HTTP/2.
func TestRareResponses(t *testing.T) {
	t.Parallel()
	behind := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Link", "</style.css>; rel=preload")
		w.WriteHeader(http.StatusEarlyHints)
		w.Header().Del("Link")
		io.WriteString(w, "proxied")
	}))
	t.Cleanup(behind.Close)
	to, _ := url.Parse(behind.URL)
	proxy := httputil.NewSingleHostReverseProxy(to)
	s := start(t, prod, func(r *gin.Engine) {
		r.Any("/rare/proxied", gin.WrapH(proxy))
		r.GET("/rare/hints", func(c *gin.Context) {
			c.Header("Link", "</style.css>; rel=preload")
			c.Writer.WriteHeader(http.StatusEarlyHints)
			c.Writer.Header()["Referrer-Policy"] = nil // as middleware/README.md says to send none
			c.String(201, "hinted")
		})
		dist := http.FS(fstest.MapFS{"index.html": {Data: []byte("the index")}})
		r.GET("/rare/index", func(c *gin.Context) { c.FileFromFS("/", dist) }) // as the README has it
		r.GET("/rare/none", func(c *gin.Context) { c.Status(204); io.WriteString(c.Writer, "x") })
		r.GET("/rare/none-returned", kit.E(func(c *gin.Context) error {
			c.Status(204)
			_, err := io.WriteString(c.Writer, "x")
			return err
		}))
		r.GET("/rare/none-copied", kit.E(func(c *gin.Context) error {
			c.Status(204)
			_, err := io.Copy(c.Writer, strings.NewReader("x"))
			return err
		}))
		r.GET("/rare/same", func(c *gin.Context) { c.Status(304); io.WriteString(c.Writer, "x") })
		r.GET("/rare/status", func(c *gin.Context) { c.String(99, "x") })
		r.GET("/rare/status-large", func(c *gin.Context) { c.JSON(1000, "x") })
		r.GET("/rare/taken", kit.E(func(c *gin.Context) error {
			if c.Request.ProtoMajor == 1 {
				return kit.Status(500, "is tested elsewhere")
			}
			if _, _, err := c.Writer.Hijack(); !errors.Is(err, http.ErrNotSupported) {
				t.Errorf("a stream of HTTP/2 is taken over with %v", err)
			}
			return kit.Status(500, "cannot be taken over")
		}))
	})
	for _, http1 := range []bool{false, true} {
		client := *s.client
		if http1 {
			client.Transport = onlyHTTP1(s.client.Transport.(*http.Transport))
		}
		for _, test := range []struct {
			path       string
			status     int
			body, hint string
		}{
			{"/rare/proxied", 200, "proxied", "</style.css>; rel=preload"}, {"/rare/hints", 201, "hinted", "</style.css>; rel=preload"},
			{"/rare/index", 200, "the index", ""}, {"/rare/none", 204, "", ""}, {"/rare/none-returned", 204, "", ""}, {"/rare/none-copied", 204, "", ""}, {"/rare/same", 304, "", ""},
			{"/rare/status", 500, "Internal Server Error", ""}, {"/rare/status-large", 500, "Internal Server Error", ""},
			{"/rare/taken", 500, "Internal Server Error", ""},
		} {
			var hint string
			ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{Got1xxResponse: func(_ int, h textproto.MIMEHeader) error {
				hint = h.Get("Link")
				return nil
			}})
			req, _ := http.NewRequestWithContext(ctx, "GET", "https://shop.test"+test.path, nil)
			resp, err := client.Do(req)
			if err != nil {
				t.Errorf("%s: %v", test.path, err)
				continue
			}
			body, err := io.ReadAll(resp.Body)
			resp.Body.Close()
			if err != nil || resp.StatusCode != test.status || !strings.Contains(string(body), test.body) || hint != test.hint {
				t.Errorf("%s over %s got %d %s, %v and the hint %q, want %d %q", test.path, resp.Proto, resp.StatusCode, body, err, hint, test.status, test.body)
			}
			if got := resp.Header.Get("Referrer-Policy"); got != "" && test.status == 201 {
				t.Errorf("a header that the handler removed is back: %s", got)
			}
			for _, name := range []string{"Strict-Transport-Security", "X-Content-Type-Options", "X-Request-Id", "X-Frame-Options"} {
				if resp.Header.Get(name) == "" && test.status != 304 {
					t.Errorf("%s over %s has no %s", test.path, resp.Proto, name)
				}
			}
		}
	}
}

// A clean error tells nothing of the body that the handler meant to send, and a developer is shown the handler's line.
func TestAnErrorLeavesNothingOfTheResponse(t *testing.T) {
	t.Parallel()
	s := start(t, nil, func(r *gin.Engine) {
		r.GET("/rare/error", func(c *gin.Context) {
			for _, name := range []string{"Content-Encoding", "Content-Length", "Content-Range", "Content-Language", "Accept-Ranges", "Etag"} {
				c.Header(name, "1")
			}
			c.String(99, "x")
		})
	})
	resp, body := s.do("GET", "https://localhost/rare/error", "")
	for _, name := range []string{"Content-Encoding", "Content-Range", "Content-Language", "Accept-Ranges", "Etag"} {
		if got := resp.Header.Get(name); got != "" {
			t.Errorf("the error has %s: %s", name, got)
		}
	}
	if resp.StatusCode != 500 || !strings.Contains(body, `"file":"rare_test.go"`) {
		t.Errorf("got %d %s", resp.StatusCode, body)
	}
}
