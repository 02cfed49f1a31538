//go:build unix

package readme

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"example.com/turnkey/e2e/rig"
)

// The code of “Add a page” gives a page and a test of it that passes. The test in the README of kit passes too.
func TestAddAPageAsTheREADMESays(t *testing.T) {
	t.Parallel()
	clone := rig.Clone(t)
	env := rig.Stranger(t, t.TempDir(), "CI=1")
	docs := map[string]document{}
	for _, d := range documents(t, clone) {
		docs[d.path] = d
	}

	named := regexp.MustCompile(`(?://|<!--) (handlers/\w+\.go|web/templates/\w+\.html)\b`)
	var routes, declared, files []string
	page := section(t, docs["README.md"], "Add a page")
	for _, span := range page.spans() {
		if strings.HasPrefix(span, "r.") {
			routes = append(routes, span+"\n")
		}
		if strings.HasSuffix(span, "{},") {
			declared = append(declared, "\t\t"+span+"\n")
		}
	}
	for _, block := range append(page.blocks("go"), page.blocks("html")...) {
		m := named.FindStringSubmatch(block)
		if m == nil {
			t.Fatalf("this block does not say which file it is:\n%s", block)
		}
		files = append(files, m[1])
		rig.Write(t, filepath.Join(clone, m[1]), []byte(block), 0o644)
	}
	if len(routes) != 1 || len(declared) != 1 || len(files) != 3 {
		t.Fatalf("the README has %q, %q and the files %q, want a route, its page, a handler, a template and a test", routes, declared, files)
	}
	site := filepath.Join(clone, "handlers", "site.go")
	const pages = "\tPages: map[string]any{\n"
	text := string(rig.Read(t, site))
	if !strings.Contains(text, pages) {
		t.Fatalf("handlers/site.go has no %q:\n%s", pages, text)
	}
	rig.Write(t, site, []byte(strings.Replace(text, pages, pages+declared[0], 1)), 0o644)
	run(t, clone, env, "gofmt -w handlers/site.go")
	file := filepath.Join(clone, "handlers", "routes.go")
	before := string(rig.Read(t, file))
	begin := regexp.MustCompile(`(?m)^func Routes\(.*\{\n`).FindString(before)
	if begin == "" {
		t.Fatalf("handlers/routes.go has no function Routes:\n%s", before)
	}
	rig.Write(t, file, []byte(strings.Replace(before, begin, begin+"\t"+routes[0], 1)), 0o644)

	tests := section(t, docs["app/kit/README.md"], "Testing").blocks("go")
	if len(tests) == 0 {
		t.Fatal("the README of kit has no test")
	}
	module := strings.TrimSpace(run(t, clone, env, "go list -m"))
	imports := "package handlers\n\nimport (\n\t\"testing\"\n\n\t\"" + module + "/app/apptest\"\n)\n\n"
	file = filepath.Join(clone, "handlers", "kit_readme_test.go")
	rig.Write(t, file, []byte(imports+strings.Join(tests, "\n")), 0o644)

	run(t, clone, env, "test -z \"$(gofmt -l handlers)\" && go vet -tags nomsgpack ./handlers")
	out := run(t, clone, env, "go test -tags nomsgpack -count=1 -v ./handlers")
	for _, file := range []string{"hello_test.go", "kit_readme_test.go"} {
		text := rig.Read(t, filepath.Join(clone, "handlers", file))
		for _, m := range regexp.MustCompile(`(?m)^func (Test\w+)\(`).FindAllSubmatch(text, -1) {
			if !strings.Contains(out, "\n--- PASS: "+string(m[1])+" ") {
				t.Errorf("%s of %s did not pass:\n%s", m[1], file, out)
			}
		}
	}
}

// section is one section of a document.
func section(t *testing.T, d document, name string) document {
	t.Helper()
	_, text, found := strings.Cut(d.text, "\n## "+name+"\n")
	if !found {
		t.Fatalf("%s has no section %q", d.path, name)
	}
	text, _, _ = strings.Cut(text, "\n## ")
	return document{d.path, text}
}
