package command_test

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"encoding/json"
	"io"
	"io/fs"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/coder/websocket"
	"github.com/gin-gonic/gin"

	"example.com/turnkey/app/apptest"
	"example.com/turnkey/app/internal/command"
	"example.com/turnkey/app/internal/pages"
	"example.com/turnkey/app/kit"
)

// expressVisits has a test of each row's promise, keyed by the row's left column.
func expressVisits(s *site) map[string]func(*testing.T) {
	const url, jsonType, formType = "https://shop.test/express", "application/json", "application/x-www-form-urlencoded"
	// gets makes a test that sends a request and checks the response: a status, and parts of the body or a "Header:
	// value" prefix.
	gets := func(method, path, body string, headers []string, status int, want ...string) func(*testing.T) {
		return func(t *testing.T) {
			t.Helper()
			resp, got := s.do(method, url+path, body, headers...)
			if resp.StatusCode != status {
				t.Errorf("%s %s got %d, want %d: %s", method, path, resp.StatusCode, status, got)
			}
			for _, w := range want {
				name, value, isHeader := strings.Cut(w, ": ")
				if isHeader && !strings.HasPrefix(resp.Header.Get(name), value) || !isHeader && !strings.Contains(got, w) {
					t.Errorf("%s %s got %q %s, want %q", method, path, resp.Header, got, w)
				}
			}
		}
	}
	all := func(visits ...func(*testing.T)) func(*testing.T) {
		return func(t *testing.T) {
			t.Helper()
			for _, visit := range visits {
				visit(t)
			}
		}
	}
	asJSON, asForm, asBrowser := []string{"Content-Type", jsonType}, []string{"Content-Type", formType}, []string{"Accept", "text/html"}
	page := gets("GET", "/page", "", nil, 200, "Content-Type: text/html", "</html>")
	return map[string]func(*testing.T){
		"app.get('/orders/:id', fn), app.post …": all(gets("GET", "/orders/7", "", nil, 200, "order 7"), gets("POST", "/orders/7", "", nil, 200, "order 7"),
			gets("HEAD", "/orders/7", "", nil, 200), gets("PUT", "/orders/7", "", nil, 405, "Allow: GET, POST, HEAD")),
		"app.all('/hook', fn)":          all(gets("PUT", "/hook", "", nil, 200, "PUT"), gets("DELETE", "/hook", "", nil, 200, "DELETE")),
		"req.params.id, req.query.page": all(gets("GET", "/orders/7", "", nil, 200, "order 7, page 1"), gets("GET", "/orders/8?page=3", "", nil, 200, "order 8, page 3")),
		"express.json(), req.body":      all(gets("POST", "/json", `{"email":"a@b.test"}`, asJSON, 201, `{"email":"a@b.test"}`), gets("POST", "/json", `{"email":"a"}`, asJSON, 422, `"pointer":"#/email"`)),
		"express.urlencoded()":          all(gets("POST", "/form", "email=a%40b.test", asForm, 200, "a@b.test"), gets("POST", "/form", "email=", asForm, 422, `"detail":"is required"`)),
		"express.raw(), express.text()": all(gets("POST", "/raw", `{"id":1}`, asJSON, 200, `{"id":1}`),
			gets("POST", "/raw", "a:[", []string{"Content-Type", "image/png"}, 200, "a:[")),
		"body-parser-xml": all(
			gets("POST", "/feed", "<a><email>a@b.test</email></a>", []string{"Content-Type", "application/xml"}, 200, "a@b.test"),
			gets("POST", "/feed", "<a><email>", []string{"Content-Type", "application/xml"}, 400),
			gets("POST", "/form", "<a/>", []string{"Content-Type", "application/xml"}, 415)),
		"express.json({ limit: '20mb' })": func(t *testing.T) {
			s.expressUpload(t, 2<<20, 200)
			s.expressUpload(t, 21<<20, 413)
			gets("POST", "/json", strings.Repeat(" ", 1<<20+1), asJSON, 413)(t)
		},
		"multer":                                all(func(t *testing.T) { s.expressUpload(t, 1000, 200) }, expressPicture),
		"app.set('strict routing', true)":       gets("GET", "/orders/", "", nil, 200, "all orders"),
		"req.get('User-Agent')":                 gets("GET", "/about", "", []string{"User-Agent", "probe/1"}, 200, `"agent":"probe/1"`),
		"req.ip, req.protocol, req.get('Host')": gets("GET", "/about", "", nil, 200, `"ip":"127.0.0.1"`, `"scheme":"https"`, `"host":"shop.test"`),
		"app.set('trust proxy', …)":             all(gets("GET", "/about", "", []string{"X-Forwarded-For", "203.0.113.9"}, 200, `"ip":"127.0.0.1"`), expressProxy),
		"cookie-parser, req.cookies.theme":      gets("GET", "/theme", "", []string{"Cookie", "__Host-theme=dark"}, 200, "dark"),
		"res.cookie('theme', 'dark'), res.clearCookie('theme')": all(gets("POST", "/theme", "", nil, 200, "Set-Cookie: __Host-theme=dark; Path=/; Max-Age=2592000; HttpOnly; Secure; SameSite=Lax"),
			gets("DELETE", "/theme", "", nil, 200, "Set-Cookie: __Host-theme=; Path=/; Max-Age=0")),
		"express-session": func(t *testing.T) {
			resp, _ := s.do("POST", url+"/session", "")
			cookie, _, _ := strings.Cut(resp.Header.Get("Set-Cookie"), ";")
			gets("GET", "/session", "", []string{"Cookie", cookie}, 200, "Ada")(t)
			if _, body := s.do("GET", url+"/session", "", "Cookie", "__Host-cart=guessed"); body != "" {
				t.Errorf("a guessed session is %q's", body)
			}
		},
		"res.send('hello'), res.json(order)":               all(gets("GET", "/hello", "", nil, 200, "hello", "Content-Type: text/plain"), gets("GET", "/order", "", nil, 200, `{"email":"ada@shop.test"}`)),
		"res.status(201).json(order), res.sendStatus(204)": all(gets("POST", "/json", `{"email":"a@b.test"}`, asJSON, 201, "Content-Type: application/json"), gets("DELETE", "/order", "", nil, 204)),
		"res.set('X-Robots-Tag', 'noindex')":               gets("GET", "/header", "", nil, 200, "X-Robots-Tag: noindex"),
		"res.redirect('/login')":                           gets("GET", "/moved", "", nil, 303, "Location: /login"),
		"res.sendFile(path), res.download(path)":           all(gets("GET", "/file", "", nil, 200, "%PDF-1.7", "Content-Type: application/pdf"), gets("GET", "/download", "", nil, 200, "%PDF-1.7", `Content-Disposition: attachment; filename="Rechnung M_rz.pdf"; filename*=UTF-8''Rechnung%20M%C3%A4rz.pdf`)),
		"res.format({ … })":                                all(gets("GET", "/format", "", []string{"Accept", "application/json"}, 200, `"scheme":"https"`), gets("GET", "/format", "", []string{"Accept", "text/html;q=0.1, application/json"}, 200, "</html>"), gets("GET", "/format", "", []string{"Accept", "image/png"}, 406)),
		"res.render('home', data), view engine":            all(page, gets("GET", "/page", "", nil, 200, "<!doctype html>")),
		"view cache":                                       expressViewCache,
		"app.locals":                                       page, // the page calls asset
		"res.locals.shop = …":                              gets("GET", "/shops/12/", "", nil, 200, "shop 12"),
		"express.static('public')":                         func(t *testing.T) { s.expressStatic(t) },
		"app.use(fn), next()": all(gets("GET", "/timed", "", nil, 200, "Server-Timing: app;dur="), func(t *testing.T) {
			if resp, _ := s.do("GET", url+"/untimed", ""); resp.Header.Get("Server-Timing") != "" {
				t.Error("a route passes a middleware that was put in place after it")
			}
		}),
		"express.Router(), app.use('/admin', router)": all(gets("GET", "/admin/", "", []string{"X-Role", "admin"}, 200, "welcome"), gets("GET", "/admin/", "", nil, 403, "admins only")),
		"app.param('shop', fn)":                       gets("GET", "/shops/34/", "", nil, 200, "shop 34"),
		"throw err, next(err)":                        all(gets("GET", "/fail", "", nil, 500, `"title":"Internal Server Error"`), gets("GET", "/fail-later", "", nil, 500, `"status":500`)),
		"createError(404, 'no such order')":           gets("GET", "/no-order", "", nil, 404, `"detail":"no such order"`),
		"app.use((err, req, res, next) => …)":         all(gets("GET", "/fail", "", nil, 500, "Content-Type: application/problem+json"), gets("GET", "/fail", "", asBrowser, 500, "Content-Type: text/html", "</html>")),
		"app.use((req, res) => res.status(404)…)":     all(gets("GET", "/nowhere", "", nil, 404, "Content-Type: application/problem+json"), gets("GET", "/nowhere", "", asBrowser, 404, "Content-Type: text/html")),
		"app.get('*', sendIndex)":                     expressSPA,
		"res.write('data: …')":                        all(gets("GET", "/ticks", "", nil, 200, "Content-Type: text/event-stream", " 2\n\n"), expressEvents),
		"ws, socket.io":                               expressWebSocket,
		"nodemailer":                                  expressMail,
		"node-cron, setInterval": func(t *testing.T) {
			site := command.Sample()
			site.Settings, site.Routes = expressSite.Settings, expressSite.Routes
			startSite(t, with(prod, "STRIPE_KEY", "sk_test_1"), site)
			<-newsSent
		},
		"app.listen(3000), https.createServer({ key, cert }, app)": func(t *testing.T) {
			if serving := s.logged("serving"); serving["https"] == "" { // this site has HTTPS_ADDR, and a certificate of its own
				t.Errorf("got %v", serving)
			}
		},
		"helmet()": all(gets("GET", "/hello", "", nil, 200, "Content-Security-Policy: default-src 'none'", "X-Content-Type-Options: nosniff", "Strict-Transport-Security: max-age="), func(t *testing.T) {
			if resp, _ := s.do("GET", url+"/map", ""); !strings.Contains(resp.Header.Get("Content-Security-Policy"), "img-src 'self' https://tile.test") {
				t.Errorf("the route's policy is %q", resp.Header.Get("Content-Security-Policy"))
			}
		}),
		"cors({ origin })": all(gets("GET", "/hello", "", []string{"Origin", "https://app.example.com"}, 200, "Access-Control-Allow-Origin: https://app.example.com"),
			gets("POST", "/form", "email=a%40b.test", slices.Concat(asForm, []string{"Origin", "https://app.example.com"}), 200),
			func(t *testing.T) {
				if resp, _ := s.do("GET", url+"/hello", "", "Origin", "https://evil.test"); resp.Header.Get("Access-Control-Allow-Origin") != "" {
					t.Error("another origin may read")
				}
			}),
		"csurf": all(gets("POST", "/form", "email=a%40b.test", slices.Concat(asForm, []string{"Origin", "https://evil.test"}), 403),
			gets("POST", "/form", "email=a%40b.test", slices.Concat(asForm, []string{"Sec-Fetch-Site", "cross-site"}), 403)),
		"compression()": func(t *testing.T) { s.expressCompression(t) },
		"morgan('dev'), morgan('combined')": func(t *testing.T) {
			gets("GET", "/orders/logged", "", nil, 200)(t)
			if line := s.logged("request", "path", "/express/orders/logged"); line["status"] != 200.0 || line["client"] != "127.0.0.1" {
				t.Errorf("the log line is %v", line)
			}
		},
		"express-rate-limit": func(t *testing.T) {
			for range 5 {
				gets("POST", "/login", "", nil, 200, "come in")(t)
			}
			gets("POST", "/login", "", nil, 429, "Retry-After: ")(t)
		},
		"dotenv, process.env.STRIPE_KEY": func(t *testing.T) {
			site := command.Sample()
			site.Settings, site.Routes = expressSite.Settings, expressSite.Routes
			if page := apptest.Start(t, site, "STRIPE_KEY=sk_test_1").Get("/env"); page.Body != "sk_test_1" {
				t.Errorf("got %d %s", page.Status, page.Body)
			}
		},
		"commander, process.argv": func(t *testing.T) {
			dir := t.TempDir()
			words := []string{"adduser", "ada@example.com"}
			out, status := apptest.Run(t, expressSite, words, "STRIPE_KEY=sk_test_1", "DATA_DIR="+dir)
			kept, err := os.ReadFile(filepath.Join(dir, "users.txt"))
			if status != 0 || err != nil || string(kept) != words[1] || out != "The shop has a new user ada@example.com\n" {
				t.Errorf("exit status %d, %q, kept %q, %v", status, out, kept, err)
			}
		},
		"NODE_ENV=production": func(t *testing.T) { // no cause is shown, even to this machine
			if _, body := s.do("GET", url+"/fail", "", asBrowser...); strings.Contains(body, "the cause is for the log") {
				t.Errorf("production tells the cause:\n%s", body)
			}
		},
		"nodemon": func(t *testing.T) { // make dev has tests of its own, in .ci/e2e and scripts/dev
			if _, err := os.Stat("../../../scripts/dev"); err != nil {
				t.Errorf("nothing builds anew after an edit: %v", err)
			}
		},
		"supertest(app)": func(t *testing.T) {
			r := serveChain(t, singlePageSite(t, expressRoutes(t.TempDir())), io.Discard, 0, 0).Config.Handler
			if resp := expressSupertest(t, r); resp.StatusCode != 421 { // in the whole chain this host is unknown
				t.Errorf("got %d", resp.StatusCode)
			}
		},
	}
}

// expressUpload sends a picture of the given size and wants the given status.
func (s *site) expressUpload(t *testing.T, size, status int) {
	t.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	part, err := form.CreateFormFile("picture", "../../etc/passwd")
	if err != nil {
		t.Fatal(err)
	}
	part.Write(make([]byte, size))
	form.Close()
	resp, got := s.do("POST", "https://shop.test/api/pictures", body.String(), "Content-Type", form.FormDataContentType())
	if resp.StatusCode != status {
		t.Errorf("a picture of %d bytes got %d %s, want %d", size, resp.StatusCode, got, status)
	}
}

func (s *site) expressStatic(t *testing.T) {
	_, page := s.do("GET", "https://shop.test/express/page", "")
	link := regexp.MustCompile(`/static/style[^"]*\.css`).FindString(page)
	if resp, _ := s.do("GET", "https://shop.test"+cmp.Or(link, "/none"), ""); resp.StatusCode != 200 || !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/css") {
		t.Errorf("%s got %d", link, resp.StatusCode)
	}
	if resp, _ := s.do("GET", "https://shop.test/static/style.css", ""); resp.StatusCode != 200 {
		t.Errorf("/static/style.css got %d", resp.StatusCode)
	}
}

func (s *site) expressCompression(t *testing.T) {
	resp, body := s.do("GET", "https://shop.test/static/style.css", "", "Accept-Encoding", "gzip")
	if r, err := gzip.NewReader(strings.NewReader(body)); resp.Header.Get("Content-Encoding") != "gzip" || err != nil {
		t.Errorf("an asset comes as %q: %v", resp.Header.Get("Content-Encoding"), err)
	} else if text, err := io.ReadAll(r); err != nil || !bytes.Contains(text, []byte("{")) {
		t.Errorf("an asset is %q, %v", text, err)
	}
	if resp, _ := s.do("GET", "https://shop.test/express/page", "", "Accept-Encoding", "gzip"); resp.Header.Get("Content-Encoding") != "" {
		t.Errorf("a page comes as %q", resp.Header.Get("Content-Encoding"))
	}
}

// The forwarding headers of a trusted proxy are used.
func expressProxy(t *testing.T) {
	s := start(t, map[string]string{"ENV": "prod", "TLS_MODE": "files", "DOMAINS": "shop.test", "TRUSTED_PROXIES": "127.0.0.0/8"}, expressRoutes(t.TempDir()))
	_, body := s.do("GET", "https://shop.test/express/about", "", "X-Forwarded-For", "203.0.113.9")
	var got struct{ IP string }
	if json.Unmarshal([]byte(body), &got); got.IP != "203.0.113.9" {
		t.Errorf("got %s, want what the proxy says", body)
	}
}

// singlePageSite has the pages of these tests and one of a single-page app.
func singlePageSite(t *testing.T, routes func(*gin.Engine)) kit.Site {
	t.Helper()
	own := command.Sample().Files
	files := fstest.MapFS{"templates/app.html": {Data: []byte(`{{define "app"}}<!doctype html><title>app</title>{{end}}`)}}
	err := fs.WalkDir(own, ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			var data []byte
			data, err = fs.ReadFile(own, name)
			files[name] = &fstest.MapFile{Data: data}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	site := siteWith(routes)
	site.Files = files
	return site
}

// serveChain serves a site's whole chain on a socket. read and write are the server's timeouts; 0: none.
func serveChain(t *testing.T, site kit.Site, log io.Writer, read, write time.Duration) *httptest.Server {
	t.Helper()
	router := handlerOf(t, map[string]string{"ENV": "prod", "DOMAINS": "example.com", "LOG_FORMAT": "json"}, site, log)
	srv := httptest.NewUnstartedServer(router)
	srv.Config.ReadTimeout, srv.Config.WriteTimeout = read, write
	srv.EnableHTTP2 = true
	srv.StartTLS() // its certificate is for example.com
	t.Cleanup(srv.Close)
	return srv
}

func expressSPA(t *testing.T) {
	srv := serveChain(t, singlePageSite(t, func(r *gin.Engine) { expressFallback(r, nil) }), io.Discard, 0, 0)
	for _, test := range []struct {
		method, path, accept string
		status               int
		contentType          string
	}{
		{"GET", "/deep/link", "text/html,application/xhtml+xml,*/*;q=0.8", 200, "text/html"},
		{"HEAD", "/deep/link", "text/html", 200, "text/html"},
		{"GET", "/deep/link.js", "*/*", 404, "application/problem+json"},
		{"POST", "/deep/link", "text/html", 404, "text/html"},
		{"GET", "/api/nothing", "application/json", 404, "application/problem+json"},
		{"GET", "/api/nothing", "text/html", 404, "text/html"},
		{"GET", "/static/nothing.js", "text/html", 404, "text/html"},
	} {
		req, err := http.NewRequest(test.method, srv.URL+test.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Host = "example.com"
		req.Header.Set("Accept", test.accept)
		resp, err := srv.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		isApp := strings.Contains(string(body), "<title>app</title>")
		if resp.StatusCode != test.status || !strings.HasPrefix(resp.Header.Get("Content-Type"), test.contentType) || isApp != (test.status == 200 && test.method != "HEAD") {
			t.Errorf("%s %s for %s got %d %s %s", test.method, test.path, test.accept, resp.StatusCode, resp.Header.Get("Content-Type"), body)
		}
		if resp.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s %s has not passed the chain", test.method, test.path)
		}
	}
}

// A WebSocket outlives the server's timeouts, and ends with the server. Only pages of this site can open it.
func expressWebSocket(t *testing.T) {
	site := siteWith(func(*gin.Engine) {})
	own, stopping := site.Routes, make(chan struct{})
	site.Routes = func(r *gin.Engine, server kit.Server) error {
		expressFallback(r, stoppable{server, stopping})
		return own(r, server)
	}
	const timeout = time.Second
	srv := serveChain(t, site, io.Discard, timeout, timeout)
	client := &http.Client{Transport: onlyHTTP1(srv.Client().Transport.(*http.Transport))}
	dial := func(origin string) (*websocket.Conn, error) {
		ws, _, err := websocket.Dial(t.Context(), srv.URL+"/ws", &websocket.DialOptions{HTTPClient: client, Host: "example.com",
			HTTPHeader: http.Header{"Origin": {origin}}})
		return ws, err
	}
	ws, err := dial("https://example.com")
	if err != nil {
		t.Fatal(err)
	}
	defer ws.CloseNow()
	for _, pause := range []time.Duration{0, timeout + 100*time.Millisecond} {
		time.Sleep(pause)
		if err := ws.Write(t.Context(), websocket.MessageText, []byte("hello")); err != nil {
			t.Fatal(err)
		}
		if _, got, err := ws.Read(t.Context()); err != nil || string(got) != "hello" {
			t.Errorf("after %s got %q %v", pause, got, err)
		}
	}
	for _, origin := range []string{"https://evil.test", "http://example.com", "https://example.com.evil.test"} {
		if _, err := dial(origin); err == nil {
			t.Errorf("a page of %s is let in with the visitor's cookies", origin)
		}
	}
	close(stopping)
	if _, _, err := ws.Read(t.Context()); websocket.CloseStatus(err) != websocket.StatusGoingAway {
		t.Errorf("at the stop the visitor reads %v", err)
	}
	// A request without a handshake is answered like any other, also over HTTP/2.
	for _, origin := range []string{"", "https://example.com"} {
		req, err := http.NewRequest("GET", srv.URL+"/ws", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Host = "example.com"
		req.Header.Set("Origin", origin)
		resp, err := srv.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.ProtoMajor != 2 || resp.StatusCode != 403 {
			t.Errorf("%s from %q got %d, want 403 over HTTP/2", resp.Proto, origin, resp.StatusCode)
		}
	}
}

// stoppable is a kit.Server whose stop the test chooses.
type stoppable struct {
	kit.Server
	stopping chan struct{}
}

func (s stoppable) Stopping() <-chan struct{} { return s.stopping }

func expressViewCache(t *testing.T) {
	files := fstest.MapFS{"static/a.txt": {}, "templates/a.html": {Data: []byte(`{{define "a"}}one{{end}}`)}}
	for _, live := range []bool{true, false} {
		files["templates/a.html"] = &fstest.MapFile{Data: []byte(`{{define "a"}}one{{end}}`)}
		p, err := pages.New(pages.Options{Files: files, Live: live})
		if err != nil {
			t.Fatal(err)
		}
		files["templates/a.html"] = &fstest.MapFile{Data: []byte(`{{define "a"}}two{{end}}`)}
		w := httptest.NewRecorder()
		if err := p.Renderer().Instance("a", nil).Render(w); err != nil || w.Body.String() != map[bool]string{true: "two", false: "one"}[live] {
			t.Errorf("live %v: after an edit got %q %v", live, w.Body, err)
		}
	}
}

// expressSettings are the settings that the table for people from Express names. The site of TestComingFromExpress has
// all of them.
var expressSettings = map[string]string{
	"ENV": "prod", "TLS_MODE": "files", "LOG_FORMAT": "json", "TRUSTED_PROXIES": "10.0.0.0/8", "CORS_ORIGINS": "https://app.example.com",
}

// TestComingFromExpress sends requests to the counterpart of each Express feature. A test of the template alone checks
// that the README has the same code line by line.
func TestComingFromExpress(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	os.WriteFile(filepath.Join(dir, "report.pdf"), []byte("%PDF-1.7"), 0o600)
	s := startWith(t, with(expressSettings, "DOMAINS", "shop.test"), kit.Site{BodyLimits: BodyLimits, BodyTypes: BodyTypes}, expressRoutes(dir))
	for left, visit := range expressVisits(s) {
		t.Run(notLetters.ReplaceAllString(left, " "), visit) // also a directory, in lists with commas
	}
}

var notLetters = regexp.MustCompile(`[^a-zA-Z]+`)
