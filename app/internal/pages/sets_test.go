package pages

import (
	"html/template"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"testing/fstest"
)

// templatesOf makes files of templates from names without .html and their texts.
func templatesOf(texts map[string]string) fstest.MapFS {
	files := fstest.MapFS{}
	for name, text := range texts {
		files["templates/"+name+".html"] = &fstest.MapFile{Data: []byte(text)}
	}
	return files
}

// rendered renders a page as c.HTML does.
func rendered(t *testing.T, p *Pages, name string, data any) (string, error) {
	t.Helper()
	w := httptest.NewRecorder()
	err := p.Renderer().Instance(name, data).Render(w)
	return strings.Join(strings.Fields(w.Body.String()), " "), err
}

var layout = `{{/* The frame. */}}<title>{{block "title" .}}{{.Title}}{{end}}</title>{{block "content" .}}nothing{{end}}{{template "nav" .}}`

type titled struct{ Title string }

func TestEachPageIsASetOfItsOwn(t *testing.T) {
	t.Parallel()
	files := templatesOf(map[string]string{
		"layout":           layout,
		"partials/nav":     `{{define "nav"}}<nav>{{template "_mark"}}</nav>{{end}}`,
		"_mark":            `!`,
		"home":             "<!-- the first page -->\n" + `{{define "content"}}home{{end}}`,
		"about":            `{{define "content"}}about{{template "row" .}}{{end}}{{define "title"}}us{{end}}{{define "row"}}-a{{end}}`,
		"quiet":            `{{define "content"}}{{end}}{{define "title"}}{{end}}`,
		"admin/list":       `{{define "content"}}list{{template "row"}}{{end}}{{define "row"}}-b{{end}}`,
		"own":              `{{define "own"}}{{template "header" "T"}}old style{{end}}`,
		"admin/old":        `{{define "old"}}{{template "header" .Title}}{{end}}{{define "content"}}unused{{end}}`,
		"partials/heads":   `{{define "header"}}<h1>{{.}}</h1>{{end}}`,
		"whole":            `<b>{{.Title}}</b>{{template "nav"}}`,
		"admin/deep/whole": `{{template "layout" .}}{{define "content"}}deep{{end}}`,
		"bare":             "",
	})
	want := map[string]string{
		"home": "<title>T</title>home<nav>!</nav>", "about": "<title>us</title>about-a<nav>!</nav>",
		"quiet": "<title></title><nav>!</nav>", "admin/list": "<title>T</title>list-b<nav>!</nav>",
		"own": "<h1>T</h1>old style", "admin/old": "<h1>T</h1>", "whole": "<b>T</b><nav>!</nav>",
		"admin/deep/whole": "<title>T</title>deep<nav>!</nav>", "bare": "<title>T</title>nothing<nav>!</nav>", "nav": "<nav>!</nav>",
	}
	dir := t.TempDir()
	if err := os.CopyFS(dir, files); err != nil {
		t.Fatal(err)
	}
	for _, o := range []Options{{Files: files}, {Files: os.DirFS(dir), Live: true}} {
		p, err := New(o)
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Check(); err != nil {
			t.Error(err)
		}
		for range 2 { // html/template changes a set when it is first executed
			for name, want := range want {
				if got, err := rendered(t, p, name, &titled{"T"}); err != nil || got != want {
					t.Errorf("live %v: %s is %q %v, want %q", o.Live, name, got, err, want)
				}
			}
		}
		_, err = rendered(t, p, "admin/lost", nil)
		if text := "no page \"admin/lost\": is \"admin/list\" meant?"; err == nil || !strings.Contains(err.Error(), text) || !strings.Contains(err.Error(), `"home"`) {
			t.Errorf("an unknown page is answered with %v", err)
		}
	}
}

func TestFaultsOfTemplatesNameWhereAndWhatToDo(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		files map[string]string
		want  []string // in the faults
	}{
		{map[string]string{"layout": layout, "partials/nav": `{{define "nav"}}{{end}}`, "partials/more": "x\n" + `{{define "nav"}}y{{end}}`},
			[]string{`web/templates/partials/nav.html:1: defines "nav", which web/templates/partials/more.html has already`}},
		{map[string]string{"home": "\n" + `{{define "home"}}{{end}}{{define "nav"}}mine{{end}}`, "partials/nav": `{{define "nav"}}{{end}}`},
			[]string{`web/templates/home.html:2: defines "nav", which web/templates/partials/nav.html has already`, `{{block "nav" .}}`}},
		{map[string]string{"home": `{{define "content"}}1{{end}}{{define "content"}}2{{end}}`},
			[]string{`web/templates/home.html:1: `, "multiple definition"}},
		{map[string]string{"layout": `{{define "layout"}}a{{end}}b`}, []string{`layout.html:1: has text outside of {{define}}, which is the template "layout"`}},
		{map[string]string{"home": "a\n\n" + `{{template "headr" .}}`, "_h": `{{define "header"}}{{end}}`},
			[]string{`web/templates/home.html:3: there is no template "headr"`, `is "header" meant?`}},
		{map[string]string{"home": `{{template "row"}}`, "list": `{{define "list"}}{{template "row"}}{{end}}{{define "row"}}{{end}}`},
			[]string{`web/templates/list.html defines it, but only for itself: move it to web/templates/partials/`}},
		{map[string]string{"rows": `{{define "row"}}x{{end}}`}, []string{`rows.html:1: defines "row" alone`, `no template "layout"`, "partials/"}},
		{map[string]string{"layout": `{{block "content" .}}{{end}}`, "home": "\n" + `{{define "contnet"}}x{{end}}`},
			[]string{`home.html:2: defines "contnet", which nothing calls`, `is "content" meant?`}},
		{map[string]string{"home": "x\n{{nonsense}}"}, []string{`web/templates/home.html:2: function "nonsense" not defined`}},
		{map[string]string{"home": `<a href="{{.}}`}, []string{`web/templates/home.html`, "ends in a non-text context"}},
		{map[string]string{"a/b": "{{if}}", "c": "{{if}}"}, []string{"web/templates/a/b.html:1: ", "web/templates/c.html:1: "}},
	} {
		_, err := New(Options{Files: templatesOf(test.files)})
		if err == nil {
			t.Errorf("%q has no fault", test.files)
			continue
		}
		for _, want := range test.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%q: got\n%v\nwant %s", test.files, err, want)
			}
		}
		live, err2 := New(Options{Files: templatesOf(test.files), Live: true})
		if err2 != nil || live.Check() == nil || live.Check().Error() != err.Error() {
			t.Errorf("%q: live, the faults are %v %v, want the same as at a start", test.files, err2, live.Check())
		}
	}
}

// A page with a fault leaves the others alone in development. A fault of the layout does not.
func TestABrokenPageLeavesTheOthers(t *testing.T) {
	t.Parallel()
	files := templatesOf(map[string]string{"good": "good", "bad": "{{if}}"})
	p, err := New(Options{Files: files, Live: true})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := rendered(t, p, "good", nil); got != "good" {
		t.Errorf("got %q %v", got, err)
	}
	if _, err := rendered(t, p, "bad", nil); err == nil || !strings.Contains(err.Error(), "bad.html:1") {
		t.Errorf("the broken page got %v", err)
	}
	files["templates/layout.html"] = &fstest.MapFile{Data: []byte("{{if}}")}
	if _, err := rendered(t, p, "good", nil); err == nil || !strings.Contains(err.Error(), "layout.html:1") {
		t.Errorf("with a broken layout the page got %v", err)
	}
}

// A site needs none of the folders.
func TestASiteWithoutFoldersWorks(t *testing.T) {
	t.Parallel()
	for _, live := range []bool{false, true} {
		p, err := New(Options{Files: fstest.MapFS{}, Live: live, Functions: template.FuncMap{}})
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Check(); err != nil || len(p.RootClashes(nil)) > 0 {
			t.Errorf("live %v: %v", live, err)
		}
		if _, err := rendered(t, p, "home", nil); err == nil || !strings.Contains(err.Error(), "are none") {
			t.Errorf("live %v: a page got %v", live, err)
		}
	}
}
