package command_test

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/gin-gonic/gin/binding"

	"example.com/turnkey/app/kit"
)

// feeds are routes that accept other types of bodies than JSON and forms.
var feeds = kit.Site{BodyTypes: map[string][]string{
	"/test-feed":      {"application/xml", "text/xml", "application/yaml", "application/toml", "application/bson"},
	"/test-feed-bind": {"application/xml", "application/yaml", "application/toml"},
}}

// aliasBomb returns ten lines of YAML that a YAML parser expands to gigabytes.
func aliasBomb() string {
	var b strings.Builder
	b.WriteString("a0: &a0 [x,x,x,x,x,x,x,x,x]\n")
	for i := 1; i < 10; i++ {
		fmt.Fprintf(&b, "a%d: &a%d [%s*a%d]\n", i, i, strings.Repeat(fmt.Sprintf("*a%d,", i-1), 8), i-1)
	}
	return b.String()
}

// parserTypes are the media types for which gin has a parser besides those of JSON and forms.
func parserTypes(t *testing.T) []string {
	t.Helper()
	var out []string
	for _, media := range []string{binding.MIMEXML, binding.MIMEXML2, binding.MIMEYAML, binding.MIMEYAML2, binding.MIMETOML,
		binding.MIMEBSON, binding.MIMEPROTOBUF} {
		if b := binding.Default("POST", media); b == binding.Form {
			t.Fatalf("gin has no parser for %s any more", media)
		}
		out = append(out, media)
	}
	return out
}

func TestTheClientDoesNotChooseTheParser(t *testing.T) {
	t.Parallel()
	s := start(t, prod, func(r *gin.Engine) {
		r.Any("/test-any", kit.E(func(c *gin.Context) error {
			var in map[string]any
			return c.ShouldBind(&in)
		}))
		r.GET("/form", func(*gin.Context) {})
		r.POST("/form", kit.E(takeOrder))
	})
	types := parserTypes(t)
	for _, media := range types {
		for _, spelling := range []string{media, media + " junk", media + ";charset=utf-8", media + " ; a=b",
			strings.ToUpper(media), " " + media, "\t" + media,
			media + ", application/json", "application/json, " + media, media + ";;;", media + "\tjunk", `"` + media + `"`} {
			if resp, body := s.do("POST", "https://shop.test/form", "[[[", "Content-Type", spelling); resp.StatusCode != 415 ||
				resp.Header.Get("Content-Type") != "application/problem+json" || !strings.Contains(strings.ToLower(body), media) {
				t.Errorf("%q got %d %s, want 415 that names it", spelling, resp.StatusCode, body)
			}
		}
		for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"} {
			if method == "PROPFIND" { // a method without a route
				if resp, _ := s.do(method, "https://shop.test/test-any", "x: y", "Content-Type", media); resp.StatusCode < 400 ||
					resp.StatusCode >= 500 {
					t.Errorf("%s %s got %d", method, media, resp.StatusCode)
				}
				continue
			}
			if resp, _ := s.do(method, "https://shop.test/test-any", "x: y", "Content-Type", media); resp.StatusCode != 415 {
				t.Errorf("%s %s got %d, want 415", method, media, resp.StatusCode)
			}
		}
		// Some clients send a Content-Type with every GET. Without a body there is nothing to parse.
		if resp, _ := s.do("GET", "https://shop.test/form", "", "Content-Type", media); resp.StatusCode != 200 {
			t.Errorf("GET %s without a body got %d, want 200", media, resp.StatusCode)
		}
		if resp, _ := s.do("POST", "https://shop.test/form", "", "Content-Type", media); resp.StatusCode != 422 {
			t.Errorf("POST %s without a body got %d, want 422: an email address is required", media, resp.StatusCode)
		}
	}
	for _, bad := range []string{";;;", "/", "json", "a/b; c", "a/b/c", "application/json junk", "multipart/form-data; boundary"} {
		if resp, _ := s.do("POST", "https://shop.test/form", "text=x", "Content-Type", bad); resp.StatusCode != 415 {
			t.Errorf("%q got %d, want 415", bad, resp.StatusCode)
		}
	}
	if resp, _ := s.do("POST", "https://shop.test/form", "x", "Content-Type", "application/json", "Content-Type", "application/yaml"); resp.StatusCode != 415 {
		t.Errorf("two types got %d, want 415", resp.StatusCode)
	}
	if resp, page := s.do("POST", "https://shop.test/form", "x", "Content-Type", "application/yaml", "Accept", "text/html"); resp.StatusCode != 415 || !strings.Contains(page, "</html>") {
		t.Errorf("a browser got %d %s, want a page", resp.StatusCode, page)
	}
	if out := s.Log(); strings.Contains(out, `"level":"ERROR"`) || strings.Contains(out, "[[[") {
		t.Errorf("the log has a client's fault or its body:\n%s", out)
	}
}

// The test is not parallel, because it measures the memory of the whole process.
func TestABodyThatExpandsIsNotParsed(t *testing.T) {
	s := start(t, prod, func(r *gin.Engine) { r.POST("/form", kit.E(takeOrder)) })
	for name, body := range map[string]string{"aliases": aliasBomb(), "brackets": strings.Repeat("[", 60000)} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		resp, _ := s.do("POST", "https://shop.test/form", body, "Content-Type", "application/x-yaml")
		runtime.ReadMemStats(&after)
		if grown := after.TotalAlloc - before.TotalAlloc; resp.StatusCode != 415 || grown > 8<<20 {
			t.Errorf("%s: got %d and %d bytes allocated, want 415 and next to none", name, resp.StatusCode, grown)
		}
	}
}

func TestATypeWithoutAParserReachesTheHandler(t *testing.T) {
	t.Parallel()
	s := start(t, prod, func(r *gin.Engine) {
		r.Any("/test-raw", kit.E(func(c *gin.Context) error {
			body, err := c.GetRawData()
			if err != nil {
				return err
			}
			c.String(200, "%s", body)
			return nil
		}))
	})
	for _, media := range []string{"image/png", "application/json", "application/json; charset=utf-8", "application/csp-report",
		"application/reports+json", "text/plain",
		"application/octet-stream", "application/x-www-form-urlencoded", "application/vnd.api+json", "text/csv; header=present",
		"application/x-ndjson", "image/svg+xml", "application/rss+xml", ""} {
		for _, method := range []string{"POST", "PUT"} {
			if resp, body := s.do(method, "https://shop.test/test-raw", "a;%zz", "Content-Type", media); resp.StatusCode != 200 ||
				body != "a;%zz" {
				t.Errorf("%s %q got %d %q, want the body as it is", method, media, resp.StatusCode, body)
			}
		}
	}
}

// parcel has a field of each kind that gin fills from forms, queries, paths and headers.
type parcel struct {
	Text   string          `form:"text" json:"text" xml:"text" yaml:"text" toml:"text"`
	Count  int             `form:"count" json:"count" xml:"count" yaml:"count" toml:"count" uri:"count" header:"X-Count"`
	Ok     bool            `form:"ok"`
	Weight float32         `form:"weight"`
	Wait   time.Duration   `form:"wait"`
	Day    time.Time       `form:"day" time_format:"2006-01-02" xml:"-"`
	Unix   time.Time       `form:"unix" time_format:"unix" xml:"-"`
	Pair   [2]int          `form:"pair" collection_format:"csv"`
	List   []uint8         `form:"list"`
	Map    map[string]int  `form:"map" xml:"-"`
	Inner  struct{ A int } `form:"inner"`
	IP     net.IP          `form:"ip,parser=encoding.TextUnmarshaler"`
}

// picky is a value that decodes itself and returns an error type of its own.
type picky string

func (p *picky) UnmarshalText(text []byte) error {
	if len(text) > 3 {
		return errors.New("secret words of the program")
	}
	*p = picky(text)
	return nil
}

// inputRoutes read requests in every way that gin and kit offer.
func inputRoutes(r *gin.Engine) {
	routes := map[string]func(*gin.Context, any) error{
		"/test-bind":        kit.Bind,
		"/test-should-bind": (*gin.Context).ShouldBind,
		"/test-query":       (*gin.Context).ShouldBindQuery,
		"/test-uri/:count":  (*gin.Context).ShouldBindUri,
		"/test-header":      (*gin.Context).ShouldBindHeader,
		"/test-form-with":   func(c *gin.Context, in any) error { return c.ShouldBindWith(in, binding.Form) },
		"/test-post":        func(c *gin.Context, in any) error { return c.ShouldBindWith(in, binding.FormPost) },
		"/test-multipart":   func(c *gin.Context, in any) error { return c.ShouldBindWith(in, binding.FormMultipart) },
		"/test-json-twice": func(c *gin.Context, in any) error {
			return errors.Join(c.ShouldBindBodyWithJSON(in), c.ShouldBindBodyWithJSON(in))
		},
		"/test-feed":      (*gin.Context).ShouldBind,
		"/test-feed-bind": kit.Bind,
		"/test-must":      (*gin.Context).Bind,
		"/test-xml":       (*gin.Context).ShouldBindXML,
		"/test-xml-twice": (*gin.Context).ShouldBindBodyWithXML,
		"/test-yaml":      (*gin.Context).ShouldBindYAML,
		"/test-toml":      (*gin.Context).ShouldBindTOML,
	}
	for path, read := range routes {
		r.Any(path, kit.E(func(c *gin.Context) error { return read(c, &parcel{}) }))
	}
	r.POST("/test-picky", kit.E(func(c *gin.Context) error {
		var in struct {
			Picky picky `form:"picky,parser=encoding.TextUnmarshaler" json:"picky"`
		}
		return kit.Bind(c, &in)
	}))
	r.POST("/test-raw", kit.E(func(c *gin.Context) error { _, err := io.ReadAll(c.Request.Body); return err }))
	r.POST("/test-file", kit.E(func(c *gin.Context) error { _, err := c.FormFile("picture"); return err }))
}

func TestUnreadableRequestIsAClientError(t *testing.T) {
	t.Parallel()
	s := startWith(t, prod, feeds, inputRoutes)
	const form, jsonType, multi = "application/x-www-form-urlencoded", "application/json", "multipart/form-data; boundary=x"
	part := func(header, body string) string { return "--x\r\n" + header + "\r\n\r\n" + body + "\r\n--x--\r\n" }
	type try struct{ path, media, body string }
	tries := []try{
		{"/test-query?count=x", "", ""}, {"/test-query?pair=1", "", ""}, {"/test-uri/SECRET", "", ""},
		{"/test-picky", form, "picky=SECRET"}, {"/test-picky", jsonType, `{"picky":"SECRET"}`},
		{"/test-json-twice", jsonType, `{"count":"SECRET"}`}, {"/test-post", form, "text=%zz"},
		{"/test-post", form, "count=SECRET"}, {"/test-form-with", form, "text=50%"},
		{"/test-file", multi, part("Content-Disposition: form-data; name=picture\r\nContent-Transfer-Encoding: quoted-printable",
			"=SECRET")},
		{"/test-file", multi, part("SECRET", "x")}, {"/test-multipart", multi, "SECRET"}, {"/test-multipart", form, "count=1"},
		{"/test-multipart", multi, part(`Content-Disposition: form-data; name="text"; filename="SECRET"`, "x")},
		{"/test-multipart", multi, part(`Content-Disposition: form-data; name="count"`, "SECRET")},
		{"/test-multipart", multi, strings.Repeat("--x\r\nContent-Disposition: form-data; name=a\r\n\r\n\r\n", 2000) +
			"--x--\r\n"},
		{"/test-multipart?text=%zz", multi, part(`Content-Disposition: form-data; name="count"`, "1")},
	}
	for _, path := range []string{"/test-bind", "/test-should-bind", "/test-must"} {
		for _, body := range []string{"text=%zz", "a;b=c", "text=50%", "text=%", "SECRET%x=1", "count=SECRET",
			"count=99999999999999999999", "count=+1 2", "ok=SECRET", "weight=SECRET", "wait=SECRET", "wait=1x",
			"day=SECRET", "unix=SECRET", "pair=1", "pair=1,x", "pair=1,2,3", "list=1&list=SECRET", "list=300", "map=SECRET",
			`map={"a":"SECRET"}`, "inner=SECRET", "ip=SECRET", strings.Repeat("a=b&", 10001)} {
			tries = append(tries, try{path, form, body}, try{path + "?" + strings.ReplaceAll(body, " ", "+"), "GET", ""})
		}
		tries = append(tries, try{path + "?x=%zz", form, "text=a"}, try{path, jsonType, `{"count":"SECRET"}`},
			try{path, jsonType, "SECRET"}, try{path, jsonType, "\x1f\x8bSECRET"}, try{path, ";;;", "text=SECRET"})
	}
	for _, media := range []string{"", jsonType, form, "text/plain", "application/rss+xml"} { // the handler parses
		tries = append(tries, try{"/test-xml", media, "<a><SECRET"}, try{"/test-xml", media, "SECRET"},
			try{"/test-xml", media, "<a><count>SECRET</count></a>"}, try{"/test-xml-twice", media, "<a><SECRET"},
			try{"/test-yaml", media, "SECRET: ["}, try{"/test-toml", media, "SECRET"})
	}
	for _, path := range []string{"/test-feed", "/test-feed-bind"} {
		tries = append(tries, try{path, "application/xml", "<parcel><SECRET"}, try{path, "application/xml", "SECRET"},
			try{path, "application/xml", "<a><count>SECRET</count></a>"}, try{path, "application/xml", " "},
			try{path, "application/xml", `<?xml version="1.0" encoding="SECRET"?><a/>`},
			try{path, "application/yaml", "SECRET: ["}, try{path, "application/yaml", "count: SECRET"},
			try{path, "application/yaml", " "},
			try{path, "application/toml", "SECRET"}, try{path, "application/toml", "count = 'SECRET'"})
	}
	tries = append(tries, try{"/test-feed", "application/bson", "SECRET"},
		try{"/test-feed", "application/bson", "\xff\x00\x00\x00SECRET"}, try{"/test-feed", "application/protobuf", "x"})
	for _, try := range tries {
		method := pick(try.body == "" || try.media == "GET", "GET", "POST")
		media := pick(try.media == "GET", "", try.media)
		resp, answer := s.do(method, "https://shop.test"+try.path, try.body, "Content-Type", media)
		if ok := try.body == " " && strings.HasSuffix(try.media, "yaml") || try.media == "application/protobuf" ||
			strings.Contains(try.path, "a=b&a=b"); resp.StatusCode >= 500 || resp.StatusCode < 400 && !ok {
			t.Errorf("%s %.60s %s %.80q: got %d %s, want a client's fault", method, try.path, media, try.body, resp.StatusCode,
				answer)
		}
		if strings.Contains(answer, "secret words") {
			t.Errorf("%s: the answer has the program's words: %s", try.path, answer)
		}
	}
	if resp, _ := s.do("GET", "https://shop.test/test-header", "", "X-Count", "SECRET"); resp.StatusCode != 400 {
		t.Errorf("a header that is no number got %d, want 400", resp.StatusCode)
	}
	if resp, _ := s.do("POST", "https://shop.test/test-bind", "SECRET", "Content-Type", "text/plain"); resp.StatusCode != 415 {
		t.Errorf("a body that is neither JSON nor a form got %d, want 415", resp.StatusCode)
	}
	for _, path := range []string{"/test-raw", "/test-bind", "/test-should-bind", "/test-file", "/test-json-twice"} {
		for _, media := range []string{jsonType, form, multi} {
			if status := s.badChunks(path, media); status < 400 || status >= 500 {
				t.Errorf("%s %s: chunks that are none got %d, want a client's fault", path, media, status)
			}
		}
	}
	for line := range strings.Lines(s.Log()) {
		var entry map[string]any
		json.Unmarshal([]byte(line), &entry)
		path, _ := entry["path"].(string)
		if entry["level"] == "ERROR" || strings.Contains(strings.ReplaceAll(line, path, ""), "SECRET") {
			t.Errorf("the log has a client's fault or its text: %s", line)
		}
	}
}

// badChunks posts a chunked body whose second chunk has no length, and returns the status of the answer.
func (s *site) badChunks(path, media string) int {
	s.t.Helper()
	conn, err := tls.Dial("tcp", s.https, &tls.Config{RootCAs: s.roots(), ServerName: "shop.test"})
	if err != nil {
		s.t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: shop.test\r\nContent-Type: %s\r\nTransfer-Encoding: chunked\r\n\r\n"+
		"1\r\n{\r\nSECRET\r\n", path, media)
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		s.t.Fatal(err)
	}
	resp.Body.Close()
	return resp.StatusCode
}

func TestFailureToReadAnotherSourceIsAServerError(t *testing.T) {
	t.Parallel()
	_, number := strconv.Atoi("inside")
	_, escape := url.QueryUnescape("%zz")
	_, duration := time.ParseDuration("inside")
	s := start(t, prod, func(r *gin.Engine) {
		for path, err := range map[string]error{
			"/number": number, "/escape": escape, "/duration": duration,
			"/xml": xml.Unmarshal([]byte("<inside"), &parcel{}), "/json": json.Unmarshal([]byte("<"), &parcel{}), "/eof": io.EOF,
		} {
			r.POST(path, kit.E(func(c *gin.Context) error {
				if e := kit.Bind(c, &parcel{}); e != nil {
					return e
				}
				return err
			}))
		}
		r.POST("/own-xml", kit.E(func(c *gin.Context) error {
			if err := c.ShouldBindJSON(&parcel{}); err != nil {
				return err
			}
			return xml.Unmarshal([]byte("<inside"), &parcel{})
		}))
		r.POST("/program", kit.E(func(c *gin.Context) error { return kit.Bind(c, parcel{}) }))
		r.POST("/kind", kit.E(func(c *gin.Context) error {
			var in struct {
				Ch chan int `form:"text"`
			}
			return kit.Bind(c, &in)
		}))
	})
	for _, path := range []string{"/number", "/escape", "/duration", "/xml", "/json", "/eof", "/kind"} {
		if resp, body := s.do("POST", "https://shop.test"+path, "text=x&count=1",
			"Content-Type", "application/x-www-form-urlencoded"); resp.StatusCode != 500 || strings.Contains(body, "inside") {
			t.Errorf("%s got %d %s, want 500 and nothing of the inside", path, resp.StatusCode, body)
		}
	}
	if resp, _ := s.do("POST", "https://shop.test/own-xml", "{}", "Content-Type", "application/json"); resp.StatusCode != 500 {
		t.Errorf("another server's XML got %d, want 500", resp.StatusCode)
	}
	if resp, _ := s.do("POST", "https://shop.test/program", "{}", "Content-Type", "application/json"); resp.StatusCode != 500 {
		t.Errorf("a handler that binds to nothing got %d, want 500", resp.StatusCode)
	}
}

func TestARouteTakesTheTypesItAsksFor(t *testing.T) {
	t.Parallel()
	s := startWith(t, prod, feeds, func(r *gin.Engine) {
		for path, read := range map[string]func(*gin.Context, any) error{"/test-feed": (*gin.Context).ShouldBind,
			"/test-feed-bind": kit.Bind} {
			r.POST(path, kit.E(func(c *gin.Context) error {
				var in parcel
				if err := read(c, &in); err != nil {
					return err
				}
				c.String(200, "%s %d", in.Text, in.Count)
				return nil
			}))
		}
	})
	for _, path := range []string{"/test-feed", "/test-feed-bind"} {
		for media, body := range map[string]string{"application/xml; charset=utf-8": "<a><text>hi</text><count>3</count></a>",
			"application/yaml": "text: hi\ncount: 3",
			"application/toml": "text = 'hi'\ncount = 3", "application/json": `{"text":"hi","count":3}`,
			"application/x-www-form-urlencoded": "text=hi&count=3"} {
			if resp, got := s.do("POST", "https://shop.test"+path, body, "Content-Type", media); resp.StatusCode != 200 ||
				got != "hi 3" {
				t.Errorf("%s %s got %d %q, want what was sent", path, media, resp.StatusCode, got)
			}
		}
		if resp, _ := s.do("POST", "https://shop.test"+path, "x",
			"Content-Type", "application/x-protobuf"); resp.StatusCode != 415 {
			t.Errorf("%s: a type that the route did not ask for got %d, want 415", path, resp.StatusCode)
		}
	}
	if resp, got := s.do("POST", "https://shop.test/test-feed-bind", `{"text":"hi","count":3}`,
		"Content-Type", "Application/JSON"); resp.StatusCode != 200 || got != "hi 3" {
		t.Errorf("JSON in capitals got %d %q, want what was sent", resp.StatusCode, got)
	}
}

// A form, a query or a JSON body of any bytes must cause a client error, never a server error.
func FuzzRequestInput(f *testing.F) {
	for _, body := range []string{"text=%zz", "a;b=c", "count=x", "pair=1", "map={", "ip=1", `{"count":"x"}`, " ", "wait=1x", "ok=on",
		"unix=x", "inner=[", "list=1&list=-1"} {
		for kind := range byte(3) {
			f.Add([]byte(body), kind)
		}
	}
	handler := handlerOf(f, map[string]string{"ENV": "prod", "DOMAINS": "shop.test"}, siteWith(inputRoutes), io.Discard)
	f.Fuzz(func(t *testing.T, body []byte, kind byte) {
		media := []string{"application/x-www-form-urlencoded", "application/json", "multipart/form-data; boundary=x"}[kind%3]
		for _, path := range []string{"/test-bind", "/test-should-bind"} {
			for _, inQuery := range []bool{false, true} {
				r := httptest.NewRequest("POST", "https://shop.test"+path, bytes.NewReader(body))
				if inQuery {
					r = httptest.NewRequest("GET", "https://shop.test"+path, nil)
					r.URL.RawQuery = string(body)
				}
				r.Header.Set("Content-Type", media)
				w := httptest.NewRecorder()
				handler.ServeHTTP(w, r)
				if w.Code >= 500 {
					t.Errorf("%s %s %q got %d", path, media, body, w.Code)
				}
			}
		}
	})
}
