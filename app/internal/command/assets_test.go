package command_test

import (
	"compress/gzip"
	"io"
	"io/fs"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"example.com/turnkey/app/internal/command"
)

// ask requests one asset as do does, but the HTTP client does not decompress the response.
func (s *site) ask(url string, headers ...string) (*http.Response, string) {
	s.t.Helper()
	if len(headers) == 0 || headers[0] != "Accept-Encoding" {
		headers = append([]string{"Accept-Encoding", "identity"}, headers...)
	}
	return s.do("GET", url, "", headers...)
}

var stylesheet = regexp.MustCompile(`href="(/static/style\.[0-9a-f]{12}\.css)"`)

func TestPagesLinkAssetsByContentHash(t *testing.T) {
	t.Parallel()
	s := start(t, prod)
	_, page := s.do("GET", "https://shop.test/", "")
	link := stylesheet.FindStringSubmatch(page)
	if link == nil {
		t.Fatalf("the page links no hashed stylesheet:\n%s", page)
	}
	want, err := fs.ReadFile(command.Sample().Files, "static/style.css")
	if err != nil {
		t.Fatal(err)
	}
	resp, body := s.ask("https://shop.test" + link[1])
	if resp.StatusCode != 200 || body != string(want) || resp.Header.Get("Cache-Control") != "public, max-age=31536000, immutable" ||
		resp.Header.Get("Content-Type") != "text/css; charset=utf-8" || !strings.HasPrefix(resp.Header.Get("ETag"), `"`) {
		t.Errorf("got %d %v and %d bytes, want the stylesheet, to be kept for ever", resp.StatusCode, resp.Header, len(body))
	}
	// The asset's plain name and the hashes of other versions are served too, but must not be cached for ever.
	for _, path := range []string{"/static/style.css", "/static/style.0123456789ab.css"} {
		resp, body := s.ask("https://shop.test" + path)
		if resp.StatusCode != 200 || body != string(want) || resp.Header.Get("Cache-Control") != "no-cache" {
			t.Errorf("%s got %d %s, want the stylesheet with no-cache", path, resp.StatusCode, resp.Header.Get("Cache-Control"))
		}
		if resp, _ := s.ask("https://shop.test"+path, "If-None-Match", resp.Header.Get("ETag")); resp.StatusCode != 304 || resp.Header.Get("Content-Length") != "" {
			t.Errorf("%s: a second visit got %d, want 304", path, resp.StatusCode)
		}
	}
	for _, path := range []string{"/static/", "/static", "/static/..%2fweb.go", "/static/%2e%2e/web.go", "/static//style.css", "/static/nothing.0123456789ab.css"} {
		if resp, body := s.ask("https://shop.test" + path); resp.StatusCode != 404 || strings.Contains(body, "package") {
			t.Errorf("%s got %d, want 404", path, resp.StatusCode)
		}
	}
}

func TestAssetsAreCompressedByAcceptEncoding(t *testing.T) {
	t.Parallel()
	s := start(t, prod)
	plain, want := s.ask("https://shop.test/static/style.css")
	resp, body := s.ask("https://shop.test/static/style.css", "Accept-Encoding", "br;q=1.0, gzip;q=0.8")
	r, err := gzip.NewReader(strings.NewReader(body))
	if err != nil {
		t.Fatalf("%v: %v", resp.Header, err)
	}
	got, _ := io.ReadAll(r)
	if string(got) != want || resp.Header.Get("Content-Encoding") != "gzip" || resp.ContentLength != int64(len(body)) {
		t.Errorf("got %v and %d bytes, want the stylesheet in gzip", resp.Header, len(got))
	}
	if resp.Header.Get("ETag") == plain.Header.Get("ETag") {
		t.Error("both encodings have one ETag, which is a strong one")
	}
	for _, r := range []*http.Response{resp, plain} {
		if r.Header.Get("Vary") != "Accept-Encoding" {
			t.Errorf("Vary is %q", r.Header.Get("Vary"))
		}
	}
	for _, accept := range []string{"gzip;q=0", "br", "identity", "*;q=0", "gzip;q=0.0, *"} {
		if resp, body := s.ask("https://shop.test/static/style.css", "Accept-Encoding", accept); resp.Header.Get("Content-Encoding") != "" || body != want {
			t.Errorf("Accept-Encoding %q got %q", accept, resp.Header.Get("Content-Encoding"))
		}
	}
	if resp, part := s.ask("https://shop.test/static/style.css", "Range", "bytes=1-4"); resp.StatusCode != 206 || part != want[1:5] || resp.ContentLength != 4 {
		t.Errorf("a range got %d %q of length %d", resp.StatusCode, part, resp.ContentLength)
	}
	if resp, _ := s.ask("https://shop.test/static/style.css", "If-Match", `"another"`); resp.StatusCode != 412 || resp.ContentLength > 0 {
		t.Errorf("a condition that does not hold got %d of length %d, want 412 and nothing", resp.StatusCode, resp.ContentLength)
	}
	if resp, body := s.ask("https://shop.test/static/style.css", "If-Match", plain.Header.Get("ETag")); resp.StatusCode != 200 || body != want {
		t.Errorf("a condition that holds got %d and %d bytes", resp.StatusCode, len(body))
	}
	for _, headers := range [][]string{nil, {"If-None-Match", `"another"`}, {"Range", "bytes=1-4", "If-Range", `"another"`}} {
		resp, body := s.ask("https://shop.test/static/style.css", headers...)
		if resp.StatusCode != 200 || body != want || resp.ContentLength != int64(len(want)) || resp.Header.Get("Accept-Ranges") != "bytes" {
			t.Errorf("%v got %d %v and %d bytes, want the whole stylesheet", headers, resp.StatusCode, resp.Header, len(body))
		}
	}
	for _, encoding := range []string{"identity", "gzip"} {
		get, body := s.ask("https://shop.test/static/style.css", "Accept-Encoding", encoding)
		head, _ := s.do("HEAD", "https://shop.test/static/style.css", "", "Accept-Encoding", encoding)
		if head.StatusCode != 200 || head.ContentLength != int64(len(body)) || head.Header.Get("ETag") != get.Header.Get("ETag") {
			t.Errorf("HEAD got %d %v, want the header of the %d bytes", head.StatusCode, head.Header, len(body))
		}
	}
}
