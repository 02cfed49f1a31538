package command_test

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/gin-gonic/gin"

	"example.com/turnkey/app/internal/command"
	"example.com/turnkey/app/internal/logs"
	"example.com/turnkey/app/kit"
)

var errCold = errors.New("the cache is cold")

// wholeRoutes answer, and record an error as gin's documentation shows it. The response is whole.
func wholeRoutes(r *gin.Engine) {
	r.GET("/whole/json", func(c *gin.Context) { c.JSON(200, gin.H{"a": 1}); c.Error(errCold) })
	r.GET("/whole/abort", func(c *gin.Context) { c.JSON(200, gin.H{"a": 1}); c.Error(errCold); c.Abort() })
	r.GET("/whole/file", func(c *gin.Context) { c.Data(200, "text/csv", []byte("a,b")); c.AbortWithError(500, errCold) })
	r.GET("/whole/typed", func(c *gin.Context) {
		c.Header("Content-Type", "application/json")
		c.JSON(200, gin.H{"a": 1})
		c.Error(errCold)
		c.Abort()
	})
	r.GET("/whole/written", func(c *gin.Context) {
		c.Header("Content-Type", "text/plain")
		io.WriteString(c.Writer, "a")
		c.AbortWithError(500, errCold)
	})
	r.GET("/whole/pieces", func(c *gin.Context) { c.String(200, "a"); c.String(200, "b"); c.Error(errCold) })
	abort := func(c *gin.Context) { c.Error(errCold); c.Abort() }
	r.GET("/whole/strings", func(c *gin.Context) { c.String(200, "a"); c.String(200, "b"); abort(c) })
	r.GET("/whole/jsons", func(c *gin.Context) { c.JSON(200, "a"); c.JSON(200, "b"); c.AbortWithError(500, errCold) })
	r.GET("/whole/html", func(c *gin.Context) {
		c.Header("Content-Type", "text/html")
		io.WriteString(c.Writer, "<p>")
		io.WriteString(c.Writer, "a")
		abort(c)
	})
	r.GET("/whole/yaml", func(c *gin.Context) { c.YAML(200, "a"); abort(c) })
	r.GET("/whole/xml", func(c *gin.Context) { c.XML(200, "a"); abort(c) })
	r.GET("/whole/xml-long", func(c *gin.Context) { c.XML(200, strings.Repeat("a", 9000)); abort(c) })
	r.GET("/whole/secure", func(c *gin.Context) { c.SecureJSON(200, []int{1}); abort(c) })
	r.GET("/whole/jsonp", func(c *gin.Context) { c.JSONP(200, 1); abort(c) })
	r.GET("/whole/csv", func(c *gin.Context) {
		c.Header("Content-Type", "text/csv")
		for range 3 {
			io.WriteString(c.Writer, "a,b\n")
		}
		abort(c)
	})
	r.GET("/whole/from", func(c *gin.Context) { c.DataFromReader(200, -1, "text/csv", strings.NewReader("a"), nil); abort(c) })
	r.GET("/whole/kit", kit.E(func(c *gin.Context) error { c.String(200, "a"); c.String(200, "b"); c.Error(errCold); return nil }))
	r.GET("/whole/before", func(c *gin.Context) { c.Error(errCold); c.AbortWithStatusJSON(422, gin.H{"a": 1}) })
	r.POST("/whole/bind", func(c *gin.Context) {
		if err := c.BindJSON(&order{}); err != nil {
			c.JSON(400, gin.H{"message": "mine"})
		}
	})
	r.GET("/whole/refused", kit.E(func(c *gin.Context) error { http.Error(c.Writer, "no", http.StatusForbidden); return errCold }))
	r.GET("/whole/moved", kit.E(func(c *gin.Context) error { c.Redirect(303, "/"); return errCold }))
	r.POST("/whole/moved", func(c *gin.Context) { c.Redirect(303, "/"); c.Error(errCold) })
	r.POST("/whole/moved-abort", func(c *gin.Context) { c.Error(errCold); c.Redirect(303, "/"); c.Abort() })
	r.POST("/whole/none", func(c *gin.Context) { c.Status(204); c.Error(errCold) })
	r.POST("/whole/express", func(c *gin.Context) { c.Status(404); c.Error(errCold) })
}

// A handler's own response is never replaced and never cut, and its error is in the log.
func TestAWholeResponseIsKept(t *testing.T) {
	t.Parallel()
	s := start(t, prod, wholeRoutes)
	for _, test := range []struct {
		method, path string
		status       int
		want         string
	}{
		{"GET", "/whole/json", 200, `{"a":1}`}, {"GET", "/whole/abort", 200, `{"a":1}`}, {"GET", "/whole/pieces", 200, "ab"},
		{"GET", "/whole/file", 200, "a,b"}, {"GET", "/whole/typed", 200, `{"a":1}`}, {"GET", "/whole/written", 200, "a"},
		{"GET", "/whole/strings", 200, "ab"}, {"GET", "/whole/jsons", 200, `"a""b"`}, {"GET", "/whole/html", 200, "<p>a"},
		{"GET", "/whole/yaml", 200, "a"}, {"GET", "/whole/xml", 200, "a</string>"}, {"GET", "/whole/xml-long", 200, "a</string>"},
		{"GET", "/whole/secure", 200, "while(1);[1]"}, {"GET", "/whole/jsonp?callback=f", 200, "f(1);"},
		{"GET", "/whole/csv", 200, "a,b\na,b\na,b\n"}, {"GET", "/whole/from", 200, "a"},
		{"GET", "/whole/kit", 200, "ab"}, {"GET", "/whole/before", 422, `{"a":1}`}, {"POST", "/whole/bind", 400, `"mine"`},
		{"GET", "/whole/refused", 403, "no"}, {"GET", "/whole/moved", 303, ""}, {"POST", "/whole/moved", 303, ""},
		{"POST", "/whole/moved-abort", 303, ""}, {"POST", "/whole/none", 204, ""}, {"POST", "/whole/express", 404, "Not Found"},
	} {
		resp, body := s.do(test.method, "https://shop.test"+test.path, "{")
		if resp.StatusCode != test.status || !strings.Contains(body, test.want) {
			t.Errorf("%s %s got %d %s, want %d %s", test.method, test.path, resp.StatusCode, body, test.status, test.want)
		}
		if test.path != "/whole/bind" {
			path, _, _ := strings.Cut(test.path, "?")
			s.logged("a handler's error that the response does not show", "path", path, "error", errCold.Error(), "level", "WARN")
		}
	}
	if out := s.Log(); strings.Contains(out, `"ERROR"`) || strings.Contains(out, "is cut") {
		t.Errorf("a whole response is in the log as an error:\n%s", out)
	}
}

// failing is XML that fails after more than a buffer of encoding/xml.
type failing struct {
	Long string
	Bad  badXML
}

type badXML struct{}

func (badXML) MarshalXML(*xml.Encoder, xml.StartElement) error { return errors.New("the row is gone") }

// pieces is a Render of the owner's that fails between two writes.
type pieces struct{}

func (pieces) WriteContentType(w http.ResponseWriter) { w.Header().Set("Content-Type", "text/csv") }

func (pieces) Render(w http.ResponseWriter) error {
	io.WriteString(w, "a,b\n")
	return errors.New("the row is gone")
}

// That a visitor leaves before a page has arrived whole is no fault of the site.
func TestAClientThatLeavesDuringItsAnswerIsNoError(t *testing.T) {
	t.Parallel()
	for _, proto := range []string{"HTTP/1.1", "HTTP/2.0", "HTTP/3.0"} {
		t.Run(proto, func(t *testing.T) {
			t.Parallel()
			s := start(t, prodHTTP3, func(r *gin.Engine) {
				r.GET("/large", func(c *gin.Context) { c.String(200, strings.Repeat("x", 20<<20)) })
			})
			client := s.overQUIC()
			if proto != "HTTP/3.0" {
				transport := s.client.Transport.(*http.Transport).Clone()
				transport.ForceAttemptHTTP2 = proto == "HTTP/2.0"
				transport.TLSClientConfig.NextProtos = nil
				client = &http.Client{Transport: transport}
			}
			ctx, cancel := context.WithCancel(t.Context())
			req, _ := http.NewRequestWithContext(ctx, "GET", "https://shop.test/large", nil)
			resp, err := client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Read(make([]byte, 1))
			cancel()
			if line := s.logged("request", "path", "/large"); line["proto"] != proto || line["level"] != "INFO" {
				t.Errorf("the log has %v", line)
			}
			if log := s.Log(); strings.Contains(log, "ERROR") || strings.Contains(log, "WARN") {
				t.Errorf("the log has\n%s", log)
			}
		})
	}
}

// A response that breaks after its first byte looks broken, whether gin or the handler reports it: gin's Render records its failures as
// handlers do.
func TestABrokenResponseLooksBroken(t *testing.T) {
	t.Parallel()
	source := func() io.Reader {
		return io.MultiReader(strings.NewReader(strings.Repeat("x", 5000)), iotest.ErrReader(errors.New("the source broke")))
	}
	s := start(t, prod, func(r *gin.Engine) {
		r.GET("/half/reader", func(c *gin.Context) { c.DataFromReader(200, -1, "text/plain", source(), nil) })
		r.GET("/half/copy", func(c *gin.Context) {
			if _, err := io.Copy(c.Writer, source()); err != nil {
				c.Error(err)
			}
		})
		r.GET("/half/xml", func(c *gin.Context) { c.XML(200, failing{Long: strings.Repeat("x", 9000)}) })
		r.GET("/half/own", func(c *gin.Context) { c.Render(200, pieces{}) })
		r.GET("/half/event", func(c *gin.Context) { c.SSEvent("a", "b"); c.SSEvent("a", gin.H{"f": func() {}}) })
		r.GET("/half/returned", kit.E(func(c *gin.Context) error { c.JSON(200, gin.H{}); return errors.New("the rest is lost") }))
		r.GET("/half/panic", func(c *gin.Context) { c.AbortWithStatusJSON(422, gin.H{}); panic("after all") })
		r.GET("/half/none", func(c *gin.Context) { c.XML(201, failing{}) }) // before the first byte
	})
	for _, path := range []string{"reader", "copy", "xml", "own", "event", "returned", "panic"} {
		for _, http1 := range []bool{false, true} {
			client := *s.client
			if http1 {
				client.Transport = onlyHTTP1(s.client.Transport.(*http.Transport))
			}
			resp, err := client.Get("https://shop.test/half/" + path)
			if err == nil {
				_, err = io.ReadAll(resp.Body)
				resp.Body.Close()
			}
			if err == nil {
				t.Errorf("/half/%s looks whole, HTTP/1.1: %v", path, http1)
			}
		}
		s.logged("request failed after its first byte; the connection is cut", "path", "/half/"+path, "level", "ERROR")
	}
	if resp, body := s.do("GET", "https://shop.test/half/none", ""); resp.StatusCode != 500 || strings.Contains(body, "<") {
		t.Errorf("a Render that fails before its first byte got %d %s, want a clean 500", resp.StatusCode, body)
	}
}

// A guard that answers ends the request, as a middleware of Express does that does not call next.
func TestAGuardThatAnswersEndsTheRequest(t *testing.T) {
	t.Parallel()
	guards := map[string]func(*gin.Context){
		"redirect": func(c *gin.Context) { c.Redirect(303, "/login") },
		"status":   func(c *gin.Context) { c.Status(204) },
		"location": func(c *gin.Context) { c.Header("Location", "/login") },
		"body":     func(c *gin.Context) { c.String(200, "log in") },
		"flush":    func(c *gin.Context) { c.Writer.WriteHeaderNow() },
		"file":     func(c *gin.Context) { c.File("no such file") },
	}
	created := make(chan string, 100)
	s := start(t, prod, func(r *gin.Engine) {
		for name, guard := range guards {
			r.Group("/guard/"+name, kit.E(func(c *gin.Context) error { guard(c); return nil })).
				Any("", func(c *gin.Context) { created <- name + " " + c.Request.Method })
		}
		r.Group("/open", kit.E(func(c *gin.Context) error { c.Set("user", "ada"); c.Header("X-Seen", "yes"); return nil })).
			Any("", kit.E(func(c *gin.Context) error { c.String(200, c.GetString("user")); return nil }))
		r.NoRoute(kit.E(func(*gin.Context) error { return nil }), func(c *gin.Context) { c.String(404, "second") })
	})
	for name := range guards {
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "DELETE"} {
			if resp, _ := s.do(method, "https://shop.test/guard/"+name, ""); resp.StatusCode >= 500 {
				t.Errorf("%s %s got %d", method, name, resp.StatusCode)
			}
		}
	}
	close(created)
	for what := range created {
		t.Errorf("the handler below the guard ran: %s", what)
	}
	if _, body := s.do("PUT", "https://shop.test/open", ""); body != "ada" {
		t.Errorf("a guard that did not answer let through %q", body)
	}
	if _, body := s.do("GET", "https://shop.test/nowhere", ""); body != "second" {
		t.Errorf("without a route got %q: 404 is gin's, not the first handler's", body)
	}
}

// net/http and gin answer in plain text, or with an empty list, where a file is missing. Visitors get the site's 404.
func TestAMissingFileIsTheSitesOwn404(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	os.WriteFile(filepath.Join(dir, "a.txt"), []byte("404 page not found\n"), 0o600)
	os.Mkdir(filepath.Join(dir, "empty"), 0o700)
	s := start(t, prod, func(r *gin.Engine) {
		r.GET("/one", func(c *gin.Context) { c.File(filepath.Join(dir, "none.pdf")) })
		r.GET("/two", func(c *gin.Context) { kit.Attachment(c, filepath.Join(dir, "none.pdf"), "a.pdf") })
		r.GET("/three", gin.WrapF(http.NotFound))
		r.Static("/files", dir)
		r.StaticFS("/listed", gin.Dir(dir, true))
		r.GET("/slow", func(c *gin.Context) { c.String(200, "<!doctype html>\n"); c.Writer.Flush(); c.String(200, "<p>") })
		r.GET("/begins", func(c *gin.Context) { c.String(200, "<!doctype html>\n") })
	})
	for _, path := range []string{"/one", "/two", "/three", "/files/", "/files/none.txt", "/files/empty/"} {
		for accept, media := range map[string]string{"text/html": "text/html", "*/*": "application/problem+json"} {
			resp, body := s.do("GET", "https://shop.test"+path, "", "Accept", accept)
			if resp.StatusCode != 404 || !strings.HasPrefix(resp.Header.Get("Content-Type"), media) ||
				!strings.Contains(body, resp.Header.Get("X-Request-Id")) || resp.Header.Get("Content-Disposition") != "" {
				t.Errorf("%s got %d %v %s, want the site's own 404", path, resp.StatusCode, resp.Header, body)
			}
		}
		if resp, _ := s.do("HEAD", "https://shop.test"+path, ""); resp.StatusCode != 404 {
			t.Errorf("HEAD %s got %d", path, resp.StatusCode)
		}
	}
	for path, want := range map[string]string{"/files/a.txt": "404 page not found\n", "/listed/": "a.txt",
		"/slow": "<!doctype html>\n<p>", "/begins": "<!doctype html>\n"} {
		if resp, body := s.do("GET", "https://shop.test"+path, ""); resp.StatusCode != 200 || !strings.Contains(body, want) {
			t.Errorf("%s got %d %q, want %q", path, resp.StatusCode, body, want)
		}
	}
}

// A download of gin's c.FileAttachment has its name over both protocols, whatever the name is. A page has the media type
// that its handler has set.
func TestWhatGinWritesIntoTheHeaderArrives(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a.html")
	os.WriteFile(path, []byte("<p>of a visitor"), 0o600)
	s := start(t, prod, func(r *gin.Engine) {
		r.GET("/gin", func(c *gin.Context) { c.FileAttachment(path, c.Query("name")) })
		r.GET("/feed", func(c *gin.Context) {
			c.Header("Content-Type", "application/atom+xml")
			c.HTML(200, "home", nil)
		})
	})
	for _, http1 := range []bool{false, true} {
		client := *s.client
		if http1 {
			client.Transport = onlyHTTP1(s.client.Transport.(*http.Transport))
		}
		for name, want := range map[string]string{"Rechnung März 2026.pdf": "Rechnung März 2026.pdf", "a+b ü.pdf": "a+b ü.pdf",
			"a\r\nX-Evil: 1.html": "a__X-Evil: 1.html", "a\x00\x7fb.html": "a__b.html", `a"b\c.pdf`: `a"b\c.pdf`} {
			resp, err := client.Get("https://shop.test/gin?name=" + url.QueryEscape(name))
			if err != nil {
				t.Errorf("%q: %v", name, err)
				continue
			}
			resp.Body.Close()
			header := resp.Header.Get("Content-Disposition")
			if kind, params, err := mime.ParseMediaType(header); err != nil || kind != "attachment" || params["filename"] != want {
				t.Errorf("%q, HTTP/1.1 %v: %q gives %q %v, want %q", name, http1, header, params["filename"], err, want)
			}
		}
	}
	if resp, body := s.do("GET", "https://shop.test/feed", ""); resp.Header.Get("Content-Type") != "application/atom+xml" {
		t.Errorf("the feed is %d %s %s", resp.StatusCode, resp.Header.Get("Content-Type"), body)
	}
}

// As in Express, %2F belongs to a parameter, and a path is the same in every spelling.
func TestASlashInAParameter(t *testing.T) {
	t.Parallel()
	s := start(t, prod, func(r *gin.Engine) {
		show := func(c *gin.Context) { c.String(200, "%q", c.Param("id")) }
		r.GET("/files/:id/show", show)
		r.GET("/café/:id", show)
	})
	for path, want := range map[string]string{
		"/files/a%2Fb/show": `"a/b"`, "/files/a%2fb+c%2Bd%25e%20f/show": `"a/b+c+d%e f"`, "/files/a+b%2B/show": `"a+b+"`,
		"/%66iles/x%2Fy/show": `"x/y"`, "/caf%c3%a9/%7Ea": `"~a"`, "/caf%C3%A9/a%2F%c3%a9": `"a/é"`, "/files/%252F/show": `"%2F"`,
		"/static/..%2f..%2fetc%2fpasswd": "404", "/files/a%2Fshow": "404", "/static%2Fstyle.css": "404",
	} {
		if resp, body := s.do("GET", "https://shop.test"+path, ""); body != want && (want != "404" || resp.StatusCode != 404) {
			t.Errorf("%s got %d %s, want %s", path, resp.StatusCode, body, want)
		}
	}
}

// The client gets no response of a handler that takes longer than the write timeout. The log says so, with the fix, and
// not 200.
func TestAHandlerThatTheTimeoutCutsIsNotLoggedAs200(t *testing.T) {
	t.Parallel()
	const timeout = 2 * time.Second // long enough that a busy machine answers in time what is to be answered
	slow := func(c *gin.Context) {
		time.Sleep(timeout + 500*time.Millisecond)
		c.String(200, "too late!")
	}
	site := siteWith(func(r *gin.Engine) {
		r.GET("/cut/:proto", slow)
		r.GET("/streamed/:proto", kit.E(func(c *gin.Context) error {
			if err := kit.Stream(c); err != nil {
				return err
			}
			slow(c)
			return nil
		}))
		r.GET("/gone/:proto", kit.E(func(c *gin.Context) error { slow(c); return c.Request.Context().Err() }))
	})
	var out syncBuffer
	writer := logs.NewWriter(&out)
	t.Cleanup(writer.Close)
	log := out.String
	srv := serveChain(t, site, writer, 0, timeout)
	h2 := srv.Client().Transport.(*http.Transport)
	for name, transport := range map[string]*http.Transport{"h2": h2, "h1": onlyHTTP1(h2)} {
		for _, path := range []string{"/cut/", "/gone/", "/streamed/"} {
			t.Run(path+name, func(t *testing.T) {
				t.Parallel()
				req, _ := http.NewRequest("GET", srv.URL+path+name, nil)
				req.Host = "example.com"
				resp, err := transport.RoundTrip(req)
				if err == nil {
					_, err = io.ReadAll(resp.Body)
					resp.Body.Close()
				}
				cut := path != "/streamed/"
				if (err != nil) != cut {
					t.Errorf("it ended with %v", err)
				}
				line := logLine(t, log, "request", "path", path+name)
				if want := pick(cut, 500.0, 200.0); line["status"] != want {
					t.Errorf("it is logged with %v, want %v", line["status"], want)
				}
				const message = "the response was cut off by the write timeout: call kit.Stream(c) at the top of the handler"
				if cut {
					logLine(t, log, message, "path", path+name, "level", "WARN")
				} else if strings.Contains(log(), fmt.Sprintf("%q", path+name)+`,"timeout"`) {
					t.Errorf("a stream is warned of:\n%s", log())
				}
			})
		}
	}
}

// words are German for what is wrong with a field, for visitors who ask for it.
func words(r *http.Request, e kit.FieldError) string {
	if !strings.HasPrefix(r.Header.Get("Accept-Language"), "de") {
		return ""
	}
	return map[string]string{"required": "fehlt", "max": "darf höchstens " + e.Param + " sein", "whole": "muss eine ganze Zahl sein"}[e.Rule]
}

func TestTheWordsAboutAFieldCanBeReplaced(t *testing.T) {
	t.Parallel()
	site := command.Sample()
	site.Words = words
	s := startSite(t, prod, site, func(r *gin.Engine) {
		r.POST("/bind", kit.E(func(c *gin.Context) error { return kit.Bind(c, &order{}) }))
		r.POST("/should", kit.E(takeOrder))
		r.POST("/again", kit.E(func(c *gin.Context) error {
			c.JSON(422, kit.FieldErrors(kit.Bind(c, &order{})))
			return nil
		}))
	})
	for _, path := range []string{"/bind", "/should", "/again"} {
		for body, want := range map[string]string{`{"count":12}`: "darf höchstens 9 sein", `{"count":1}`: "fehlt", `{"count":1.5}`: "muss eine ganze Zahl sein"} {
			if path == "/should" && strings.Contains(body, "1.5") {
				want = "muss eine ganze Zahl sein"
			}
			_, got := s.do("POST", "https://shop.test"+path, body, "Content-Type", "application/json", "Accept-Language", "de")
			if !strings.Contains(got, want) {
				t.Errorf("%s %s got %s, want %s", path, body, got, want)
			}
			if _, got := s.do("POST", "https://shop.test"+path, body, "Content-Type", "application/json"); strings.Contains(got, want) || !json.Valid([]byte(got)) {
				t.Errorf("%s without the language got %s", path, got)
			}
		}
	}
}

// A source that fails is seen even if the handler does not look: a half response must not look whole.
func TestAHalfResponseIsCutThoughTheHandlerDoesNotNotice(t *testing.T) {
	t.Parallel()
	s := start(t, prod, func(r *gin.Engine) {
		r.GET("/export", func(c *gin.Context) {
			io.Copy(c.Writer, io.MultiReader(strings.NewReader(strings.Repeat("row\n", 5000)), iotest.ErrReader(errCold)))
		})
	})
	resp, err := s.client.Get("https://shop.test/export")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, err := io.ReadAll(resp.Body); err == nil {
		t.Errorf("%d bytes arrived and look whole", len(body))
	}
}

// net/http removes the temporary files of a form of its own request, and the chain gives handlers another one.
func TestFormsLeaveNoTemporaryFiles(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	spilled := make(chan int, 1)
	s := start(t, prod, func(r *gin.Engine) {
		r.MaxMultipartMemory = 1
		r.POST("/up", func(c *gin.Context) {
			c.FormFile("file")
			entries, _ := os.ReadDir(dir)
			spilled <- len(entries)
		})
	})
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	part, err := form.CreateFormFile("file", "a.txt")
	if err != nil {
		t.Fatal(err)
	}
	part.Write(bytes.Repeat([]byte("a"), 100<<10))
	form.Close()
	s.do("POST", "https://shop.test/up", body.String(), "Content-Type", form.FormDataContentType())
	if n := <-spilled; n == 0 {
		t.Fatal("the form was kept in memory: that tests nothing")
	}
	s.stop()
	s.wait()
	if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
		t.Errorf("%d temporary files are left: %v", len(entries), err)
	}
}
