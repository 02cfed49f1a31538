package command_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"net"
	"net/http"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"example.com/turnkey/app/kit"
	"example.com/turnkey/middleware"
)

// order is the JSON that a client sends.
type order struct {
	Email  string  `json:"email" form:"email" binding:"required,email"`
	Count  int     `json:"count" form:"count" binding:"min=1,max=9"`
	Guests []guest `json:"guests" binding:"max=3,dive"`
}

type guest struct {
	Name string `json:"name" binding:"required,max=5"`
}

func takeOrder(c *gin.Context) error {
	var in order
	if err := c.ShouldBind(&in); err != nil {
		return err
	}
	c.Status(http.StatusCreated)
	return nil
}

func TestInvalidInputIsAClientErrorThatNamesTheFields(t *testing.T) {
	t.Parallel()
	s := start(t, prod, func(r *gin.Engine) {
		r.POST("/test-orders", kit.E(takeOrder))
		r.GET("/test-orders", kit.E(func(c *gin.Context) error {
			var in struct {
				Page int `form:"page"`
			}
			return c.ShouldBindQuery(&in)
		}))
		r.GET("/orders/:id", kit.E(func(c *gin.Context) error { _, err := strconv.Atoi(c.Param("id")); return err }))
		r.GET("/pages", kit.E(func(c *gin.Context) error {
			var in struct {
				Pages []int `form:"pages" collection_format:"csv"`
			}
			return c.ShouldBindQuery(&in)
		}))
		r.POST("/guests", kit.E(func(c *gin.Context) error { var in []guest; return c.ShouldBindJSON(&in) }))
		r.POST("/nameless", kit.E(func(c *gin.Context) error {
			var in struct {
				Email  string     `json:"email" form:"email" binding:"required"`
				Guests []guest    `json:"guests" binding:"dive"`
				Until  time.Time  `json:"until" form:"until" time_format:"2006-01-02"`
				From   netip.Addr `json:"from"`
			}
			return c.ShouldBind(&in)
		}))
		r.POST("/test-pictures", kit.E(func(c *gin.Context) error { _, err := c.FormFile("picture"); return err }))
	})
	const jsonType, formType = "application/json", "application/x-www-form-urlencoded"
	for _, test := range []struct {
		path, contentType, body string
		status                  int
		want                    string // in the answer
	}{
		{"/test-orders", jsonType, `{"email":"a@b.test","count":1}`, 201, ""},
		{"/test-orders", jsonType, `{"email":"nobody","count":12,"guests":[{"name":"Ada"},{"name":""}]}`, 422,
			`"errors":[{"pointer":"#/email","detail":"must be an email address"},{"pointer":"#/count","detail":"must be at most 9"},{"pointer":"#/guests/1/name","detail":"is required"}]`},
		{"/test-orders", jsonType, `{"email":"a@b.test","count":1,"guests":[{"name":"Bartholomew"}]}`, 422, `{"pointer":"#/guests/0/name","detail":"must be at most 5 characters long"}`},
		{"/test-orders", jsonType, `{"email":"a@b.test","count":"one"}`, 400, `"errors":[{"pointer":"#/count","detail":"must be a whole number"}]`},
		{"/test-orders", jsonType, `{"email":`, 400, "ends in the middle"},
		{"/test-orders", jsonType, `{"email" 1}`, 400, "is not JSON, as byte 10 shows"},
		{"/test-orders", jsonType, ``, 400, "is empty"},
		{"/test-orders", formType, "email=a%40b.test&count=0", 422, `{"pointer":"#/count","detail":"must be at least 1"}`},
		{"/test-orders", formType, "email=a%40b.test&count=two", 400, `\"two\" is not a number`},
		{"/test-orders?page=x", "", "", 400, `\"x\" is not a number`},
		{"/orders/x7", "", "", 400, `\"x7\" is not a number`},
		{"/pages?pages=1,x", "", "", 400, `\"x\" is not a number`},
		{"/guests", jsonType, `[{"name":"Ada"},{}]`, 422, ""},
		{"/guests", formType, `[{`, 400, "ends in the middle"},
		{"/nameless", jsonType, `{"guests":[{"name":""}]}`, 422, `"errors":[{"pointer":"#/email","detail":"is required"},{"pointer":"#/guests/0/name","detail":"is required"}]`},
		{"/nameless", jsonType, `{"email":"a@b.test","until":"soon"}`, 400, `{"pointer":"#/until","detail":"must look like 2006-01-02T15:04:05Z"}`},
		{"/nameless", formType, "email=a%40b.test&until=soon", 400, `\"soon\" is not a time`},
		{"/nameless", jsonType, `{"email":"a@b.test","from":"here"}`, 400, `{"pointer":"#/from","detail":"is not valid"}`},
		{"/test-pictures", "multipart/form-data", "x", 400, "multipart"},
		{"/test-pictures", "multipart/form-data; boundary=x", "--x\r\nhalf", 400, "multipart"},
		{"/test-pictures", "multipart/form-data; boundary=x", "--x--\r\n", 400, "file is missing"},
		{"/test-pictures", formType, "a=b", 400, `The form needs enctype=\"multipart/form-data\"`},
	} {
		method := pick(test.contentType == "", "GET", "POST")
		resp, body := s.do(method, "https://shop.test"+test.path, test.body, "Content-Type", test.contentType)
		if resp.StatusCode != test.status || !strings.Contains(body, test.want) {
			t.Errorf("%s %s %q: got %d %s, want %d and %s", test.path, test.contentType, test.body, resp.StatusCode, body, test.status, test.want)
		}
	}
	if out := s.Log(); strings.Contains(out, "request failed") {
		t.Errorf("a client's fault is in the log as ours:\n%s", out)
	}
	// The error page lists the fields as well.
	if _, body := s.do("POST", "https://shop.test/test-orders", "count=0", "Content-Type", formType, "Accept", "text/html"); !strings.Contains(body, "email") || !strings.Contains(body, "is required") {
		t.Errorf("the page does not list the fields:\n%s", body)
	}
}

func TestInvalidDataOfAnotherSourceIsAServerError(t *testing.T) {
	t.Parallel()
	_, number := strconv.Atoi("secret")
	_, date := time.Parse(time.DateOnly, "secret")
	s := start(t, prod, func(r *gin.Engine) {
		r.POST("/program", kit.E(func(c *gin.Context) error { return c.ShouldBindJSON(order{}) }))
		for path, err := range map[string]error{
			"/answer": json.Unmarshal([]byte("<html>"), &order{}), // from another server
			"/cut":    fmt.Errorf("asking the warehouse: %w", io.EOF),
			"/number": number, // from a database
			"/time":   date,
		} {
			r.POST(path, kit.E(func(c *gin.Context) error {
				var in order
				if e := c.ShouldBind(&in); e != nil {
					return e
				}
				return err
			}))
		}
	})
	if resp, _ := s.do("POST", "https://shop.test/program", "{}"); resp.StatusCode != 500 {
		t.Errorf("a handler that binds to nothing got %d, want 500", resp.StatusCode)
	}
	form := "--x\r\nContent-Disposition: form-data; name=\"email\"\r\n\r\na@b.test\r\n--x\r\nContent-Disposition: form-data; name=\"count\"\r\n\r\n1\r\n--x--\r\n"
	for _, path := range []string{"/answer", "/cut", "/number", "/time"} {
		for contentType, body := range map[string]string{"application/json": `{"email":"a@b.test","count":1}`, "multipart/form-data; boundary=x": form} {
			if resp, body := s.do("POST", "https://shop.test"+path, body, "Content-Type", contentType); resp.StatusCode != 500 || strings.Contains(body, "secret") {
				t.Errorf("%s %s: got %d %s, want 500 and nothing of the inside", path, contentType, resp.StatusCode, body)
			}
		}
	}
}

func TestTimeoutsAreAnsweredAsErrors(t *testing.T) {
	t.Parallel()
	elsewhere, err := net.Listen("tcp", "127.0.0.1:0") // another server that never answers
	if err != nil {
		t.Fatal(err)
	}
	defer elsewhere.Close()
	s := start(t, prod, func(r *gin.Engine) {
		r.GET("/test-database", kit.E(func(c *gin.Context) error {
			ctx, cancel := context.WithTimeout(c.Request.Context(), time.Millisecond)
			defer cancel()
			<-ctx.Done()
			return fmt.Errorf("asking the database: %w", ctx.Err())
		}))
		r.GET("/test-elsewhere", kit.E(func(c *gin.Context) error {
			conn, err := net.Dial("tcp", elsewhere.Addr().String())
			if err != nil {
				return err
			}
			defer conn.Close()
			conn.SetReadDeadline(time.Now().Add(time.Millisecond))
			_, err = conn.Read(make([]byte, 1))
			return err
		}))
		r.POST("/test-slow", kit.E(func(c *gin.Context) error {
			http.NewResponseController(c.Writer).SetReadDeadline(time.Now().Add(50 * time.Millisecond))
			_, err := io.ReadAll(c.Request.Body)
			return err
		}))
	})
	if resp, body := s.do("GET", "https://shop.test/test-database", ""); resp.StatusCode != 503 || strings.Contains(body, "database") ||
		resp.Header.Get("Retry-After") != "10" {
		t.Errorf("a deadline got %d %s, want 503 without its cause, and Retry-After: %v", resp.StatusCode, body, resp.Header)
	}
	if resp, _ := s.do("GET", "https://shop.test/test-elsewhere", ""); resp.StatusCode != 500 {
		t.Errorf("another server that does not answer got %d, want 500: the visitor sent everything in time", resp.StatusCode)
	}
	for _, http1 := range []bool{false, true} {
		client := *s.client
		if http1 {
			client.Transport = onlyHTTP1(s.client.Transport.(*http.Transport))
		}
		body, in := io.Pipe()
		go func() { in.Write([]byte("half")); time.Sleep(5 * time.Second); in.Close() }()
		resp, err := client.Post("https://shop.test/test-slow", "text/plain", body)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != 408 {
			t.Errorf("%s: a body that does not arrive got %d, want 408", resp.Proto, resp.StatusCode)
		}
	}
}

func TestClientDisconnectIsNoError(t *testing.T) {
	t.Parallel()
	entered := make(chan struct{})
	s := start(t, prod, func(r *gin.Engine) {
		r.GET("/test-slow", kit.E(func(c *gin.Context) error {
			close(entered)
			<-c.Done()
			return fmt.Errorf("asking the database: %w", context.Cause(c))
		}))
	})
	ctx, cancel := context.WithCancel(t.Context())
	req, _ := http.NewRequestWithContext(ctx, "GET", "https://shop.test/test-slow", nil)
	go func() { <-entered; cancel() }()
	if _, err := s.client.Do(req); err == nil {
		t.Fatal("the request was answered")
	}
	if entry := s.logged("request", "path", "/test-slow"); entry["status"] != 499.0 {
		t.Errorf("the access line says %v, want 499", entry["status"])
	}
	if out := s.Log(); strings.Contains(out, "request failed") {
		t.Errorf("a client that left is in the log as an error:\n%s", out)
	}
}

// BindJSON and AbortWithError of gin write the header at once, so no error page can follow.
func TestGinsOwnErrorResponseIsKept(t *testing.T) {
	t.Parallel()
	s := start(t, prod, func(r *gin.Engine) {
		r.POST("/bind", func(c *gin.Context) { c.BindJSON(&order{}) })
		r.POST("/gone", func(c *gin.Context) { c.AbortWithError(410, errors.New("secret")) })
		r.POST("/away", func(c *gin.Context) { c.AbortWithError(503, errors.New("the database is away")) })
	})
	for path, status := range map[string]int{"/bind": 400, "/gone": 410, "/away": 503} {
		if resp, body := s.do("POST", "https://shop.test"+path, "{"); resp.StatusCode != status || body != "" {
			t.Errorf("%s got %d %q, want %d and nothing", path, resp.StatusCode, body, status)
		}
	}
	s.logged("request failed", "path", "/away", "error", "the database is away")
	s.logged("a handler's error that the response does not show", "path", "/gone", "error", "secret")
	if out := s.Log(); strings.Contains(out, "connection is cut") || strings.Contains(out, `"path":"/bind","error"`) {
		t.Errorf("the log has a cut, or a client's fault:\n%s", out)
	}
}

// Some clients and proxies close their half of a connection after the request and still expect the response. A response
// that is not complete must end with an error there too.
func TestResponseOnHalfClosedConnectionIsAborted(t *testing.T) {
	t.Parallel()
	s := start(t, prod, func(r *gin.Engine) {
		r.GET("/rows", kit.E(func(c *gin.Context) error {
			c.String(200, "half")
			c.Writer.Flush()
			<-c.Done()
			return c.Err()
		}))
	})
	conn, err := tls.Dial("tcp", s.https, &tls.Config{RootCAs: s.roots(), ServerName: "shop.test"})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	fmt.Fprint(conn, "GET /rows HTTP/1.1\r\nHost: shop.test\r\n\r\n")
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	conn.CloseWrite()
	if body, err := io.ReadAll(resp.Body); err == nil {
		t.Errorf("got %q, and as if that were all", body)
	}
}

func TestErrorDropsContentDisposition(t *testing.T) {
	t.Parallel()
	s := start(t, prod, func(r *gin.Engine) {
		r.GET("/export", kit.E(func(c *gin.Context) error {
			c.Header("Content-Disposition", `attachment; filename="orders.csv"`)
			return errors.New("the database is away")
		}))
	})
	if resp, _ := s.do("GET", "https://shop.test/export", ""); resp.StatusCode != 500 || resp.Header.Get("Content-Disposition") != "" {
		t.Errorf("got %d %v, want an error that browsers show", resp.StatusCode, resp.Header)
	}
}

// brokenRoutes fail in each way for which the error page can name a source line.
func brokenRoutes(r *gin.Engine) {
	r.GET("/test-panic", func(c *gin.Context) {
		var order *order
		c.String(200, order.Email) // here it panics
	})
	r.GET("/test-returned", kit.E(returned))
	r.GET("/method", kit.E((&order{}).show))
	r.GET("/test-plain", func(c *gin.Context) { c.Error(errors.New("plain secret")) })
	r.GET("/test-status", kit.E(func(*gin.Context) error {
		return kit.Status(502, "the warehouse is closed") // here it is made
	}))
	r.GET("/test-template", func(c *gin.Context) { c.HTML(200, "home", 42) })
}

func (*order) show(*gin.Context) error { return errors.New("returned by a method") }

func returned(*gin.Context) error { // the function that returns it
	return errors.New("returned secret")
}

func TestErrorPageShowsDevelopersTheSourceLine(t *testing.T) {
	t.Parallel()
	s := start(t, map[string]string{"ENV": "dev"}, brokenRoutes)
	_, port, _ := net.SplitHostPort(s.https)
	for path, want := range map[string][]string{
		"/test-panic":    {"errors_test.go", "here it panics", "nil pointer dereference", "goroutine"},
		"/test-returned": {"errors_test.go", "the function that returns it", "returned secret"},
		"/method":        {"returned by command_test.(*order).show", "returned by a method"},
		"/test-plain":    {"plain secret"},
		"/test-status":   {"errors_test.go", "here it is made", "the warehouse is closed"},
		"/test-template": {"web/templates/home.html", "Scheme"},
	} {
		_, page := s.do("GET", "https://localhost:"+port+path, "", "Accept", "text/html")
		_, body := s.do("GET", "https://localhost:"+port+path, "")
		var problem middleware.Problem
		if err := json.Unmarshal([]byte(body), &problem); err != nil || problem.Debug == nil {
			t.Errorf("%s: got %s, want what went wrong", path, body)
			continue
		}
		for _, w := range want {
			if !strings.Contains(page, w) {
				t.Errorf("%s: the page does not show %q:\n%s", path, w, page)
			}
		}
		if w := want[0]; strings.Contains(w, "_test.go") && (problem.Debug.File != w || problem.Debug.Line == 0) {
			t.Errorf("%s: got %+v, want a line of %s", path, *problem.Debug, w)
		}
	}
	if _, body := s.do("GET", "https://localhost:"+port+"/nowhere", ""); strings.Contains(body, "debug") {
		t.Errorf("a 404 of the router's own has something to debug: %s", body)
	}
}

// Below 500 a developer sees the page that visitors see, and of an error of the server both.
func TestTheSitesOwnErrorPageCanBeSeenInDevelopment(t *testing.T) {
	t.Parallel()
	s := start(t, map[string]string{"ENV": "dev"}, brokenRoutes, func(r *gin.Engine) {
		r.GET("/no-order", kit.E(func(*gin.Context) error { return fmt.Errorf("order of Ada: %w", kit.Status(404, "no such order")) }))
	})
	_, port, _ := net.SplitHostPort(s.https)
	get := func(path string) (*http.Response, string) {
		return s.do("GET", "https://localhost:"+port+path, "", "Accept", "text/html")
	}
	const own, developers = `href="/static/style.`, "For developers"
	for path, wantOwn := range map[string]bool{"/nowhere": true, "/no-order": true, "/test-panic?a=b": false, "/test-panic?_visitors": true} {
		_, body := get(path)
		if strings.Contains(body, own) != wantOwn || strings.Contains(body, developers) == wantOwn {
			t.Errorf("%s: want the site's own page: %v, got\n%s", path, wantOwn, body)
		}
		for _, inside := range []string{"errors_test.go", "nil pointer", "of Ada"} {
			if wantOwn && strings.Contains(body, inside) {
				t.Errorf("%s: the page for visitors tells of %q:\n%s", path, inside, body)
			}
		}
	}
	_, body := get("/test-panic?a=b")
	link := regexp.MustCompile(`<a href="(\?[^"]*)">See the page that visitors get`).FindStringSubmatch(body)
	if link == nil {
		t.Fatalf("no link to the page that visitors get:\n%s", body)
	}
	if _, body := get("/test-panic" + html.UnescapeString(link[1])); !strings.Contains(body, own) {
		t.Errorf("%s leads to\n%s", link[1], body)
	}
	refused := s.logged("request refused", "path", "/no-order")
	if at := fmt.Sprint(refused["at"]); !strings.HasPrefix(at, "errors_test.go:") || refused["level"] != "INFO" {
		t.Errorf("the log says %v, want where the refusal was made", refused)
	}
}

func TestErrorPageHidesTheCauseFromOthers(t *testing.T) {
	t.Parallel()
	s := start(t, prod, brokenRoutes)
	dev := start(t, map[string]string{"ENV": "dev"}, brokenRoutes)
	_, port, _ := net.SplitHostPort(dev.https)
	proxied := start(t, map[string]string{"ENV": "dev", "TLS_MODE": "proxy", "HTTPS_ADDR": ""}, brokenRoutes)
	for _, path := range []string{"/test-panic", "/test-returned", "/test-plain", "/test-status", "/test-template"} {
		for _, accept := range []string{"text/html", "application/json"} {
			_, inProd := s.do("GET", "https://shop.test"+path, "", "Accept", accept)
			_, throughProxy := proxied.do("GET", "http://localhost"+path, "", "Accept", accept, "X-Forwarded-For", "203.0.113.9", "X-Forwarded-Proto", "https")
			_, throughTunnel := dev.do("GET", "https://localhost:"+port+path, "", "Accept", accept, "X-Forwarded-For", "203.0.113.9")
			for _, body := range []string{inProd, throughProxy, throughTunnel} {
				for _, inside := range []string{"secret", "_test.go", "goroutine", "warehouse", "nil pointer", "Scheme", "debug"} {
					if strings.Contains(body, inside) {
						t.Errorf("%s as %s tells of %q:\n%s", path, accept, inside, body)
					}
				}
			}
		}
	}
}

// kit.Status is for errors. Who takes it for c.Status learns from the log what to write.
func TestAStatusThatIsNoErrorIsExplained(t *testing.T) {
	t.Parallel()
	s := start(t, prod, func(r *gin.Engine) {
		r.DELETE("/order", kit.E(func(*gin.Context) error { return kit.Status(204, "") }))
	})
	if resp, body := s.do("DELETE", "https://shop.test/order", ""); resp.StatusCode != 500 {
		t.Errorf("got %d %s, want 500", resp.StatusCode, body)
	}
	s.logged("request failed", "error", `kit.Status(204, "") is no error: call c.Status(204), or another method of c, and return nil`)
}
