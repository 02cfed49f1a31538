package pages

import (
	"bytes"
	"html/template"
	"io/fs"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"testing/fstest"
)

func TestAssetsOfEveryKind(t *testing.T) {
	t.Parallel()
	noise := bytes.Repeat([]byte{0x89, 'P', 'N', 'G', 1, 2, 3}, 3) // too short to become smaller
	files := fstest.MapFS{
		"static/app.js":            {Data: bytes.Repeat([]byte("let a = 1;\n"), 100)},
		"static/img/logo.png":      {Data: noise},
		"static/empty.txt":         {Data: nil},
		"static/no-extension":      {Data: []byte("plain words")},
		"static/a.0123456789ab.js": {Data: []byte("one that looks hashed")},
	}
	a, err := newAssets(files, staticFolder, false)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"app.js": "text/javascript; charset=utf-8", "img/logo.png": "image/png", "empty.txt": "text/plain; charset=utf-8",
		"no-extension": "text/plain; charset=utf-8", "a.0123456789ab.js": "text/javascript; charset=utf-8",
	} {
		url, err := a.url(name)
		if err != nil {
			t.Fatal(err)
		}
		found, _ := a.find(strings.TrimPrefix(url, "/static/"))
		if found == nil || found != a.loaded[name] || found.contentType[0] != want {
			t.Errorf("%s is at %s as %+v, want %s", name, url, found, want)
		}
	}
	if a.loaded["app.js"].gzip() == nil || a.loaded["img/logo.png"].gzip() != nil || a.loaded["empty.txt"].gzip() != nil {
		t.Error("compressed is not what gains by it")
	}
	dir := t.TempDir()
	if err := os.CopyFS(dir, files); err != nil {
		t.Fatal(err)
	}
	for live, files := range map[bool]fs.FS{false: files, true: os.DirFS(dir)} {
		a, err := newAssets(files, staticFolder, live)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := a.url("nothing.css"); err == nil || !strings.Contains(err.Error(), `"nothing.css"`) {
			t.Errorf("live %v: a page may name what is not there: %v", live, err)
		}
		for _, name := range []string{"img", "", ".", "../templates/home.html", "img/", "app.js/x", "app.js\x00"} {
			if found, err := a.find(name); found != nil || err != nil {
				t.Errorf("live %v: %q is %v %v, want nothing", live, name, found, err)
			}
		}
	}
}

func FuzzAcceptEncoding(f *testing.F) {
	for _, s := range []string{"", "gzip", "gzip;q=0", "*", "GZIP ; Q=0.000", "gzip;q=NaN", ";;,,", "br, *;q=0"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, accept string) {
		if acceptsGzip(accept) && !strings.Contains(strings.ToLower(accept), "gzip") && !strings.Contains(accept, "*") {
			t.Errorf("%q does not name gzip", accept)
		}
	})
}

// The site's own functions are called in templates, and replace those of this package with the same name.
func TestTemplatesCallTheFunctionsOfTheSite(t *testing.T) {
	t.Parallel()
	files := fstest.MapFS{
		"static/a.css":     {Data: []byte("a")},
		"templates/a.html": {Data: []byte(`{{define "a"}}{{shout "hi"}} {{asset "a.css"}}{{end}}`)},
	}
	for _, live := range []bool{true, false} {
		for _, test := range []struct {
			own  template.FuncMap
			want string
		}{
			{template.FuncMap{"shout": strings.ToUpper}, "HI /static/a."},
			{template.FuncMap{"shout": strings.ToUpper, "asset": func(string) string { return "mine" }}, "HI mine"},
		} {
			p, err := New(Options{Files: files, Live: live, Functions: test.own})
			if err != nil {
				t.Fatal(err)
			}
			w := httptest.NewRecorder()
			if err := p.Renderer().Instance("a", nil).Render(w); err != nil || !strings.HasPrefix(w.Body.String(), test.want) {
				t.Errorf("live %v: got %q %v, want %s…", live, w.Body, err, test.want)
			}
		}
	}
}
