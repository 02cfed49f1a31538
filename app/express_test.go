package main

import (
	"bytes"
	"go/format"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"example.com/turnkey/handlers"
)

// TestComingFromExpress holds the README's table to its word: what stands on its right side is code that compiles, a
// setting that is understood or a file that is there, and every row has a visit that shows what it does.
func TestComingFromExpress(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, ok := strings.Cut(string(readme), "\n## Coming from Express\n")
	if !ok {
		t.Fatal("the README has no section “Coming from Express”")
	}
	section, _, _ = strings.Cut(section, "\n## ")
	code, raw := expressSource(t)

	settings := map[string]string{"TLS_MODE": "files", "DOMAINS": "shop.test"}
	names := map[string]bool{}
	_, asked, _ := loadConfig(func(string) (string, bool) { return "", false }, "turnkey")
	for _, name := range asked {
		names[name] = true
	}
	rows := regexp.MustCompile(`(?m)^\| (.*?) \| (.*) \|$`).FindAllStringSubmatch(section, -1)
	span := regexp.MustCompile("`([^`]+)`")
	for _, row := range rows[min(1, len(rows)):] { // without the heading
		for _, m := range span.FindAllStringSubmatch(row[2], -1) {
			name, value, isSetting := strings.Cut(m[1], "=")
			switch {
			case regexp.MustCompile(`^[A-Z_]+$`).MatchString(name):
				if !names[name] {
					t.Errorf("%s is no setting", name)
				}
				if isSetting {
					settings[name] = value // the site below has them all
				}
			case expressOther[m[1]] != nil:
				expressOther[m[1]](t)
			case !expressIsCode(code, m[1]) && !expressIsFile(m[1]):
				t.Errorf("the README's %s is neither code of express_routes_test.go, nor a setting, nor a file", m[1])
			}
		}
	}
	for _, m := range regexp.MustCompile("(?s)```go\n(.*?)```").FindAllStringSubmatch(section, -1) {
		if !strings.Contains(raw, flush(m[1])) {
			t.Errorf("this recipe of the README is not in express_routes_test.go:\n%s", m[1])
		}
	}

	dir := t.TempDir()
	os.WriteFile(filepath.Join(dir, "report.pdf"), []byte("%PDF-1.7"), 0o600)
	s := startWith(t, settings, bodies{BodyLimits, BodyTypes}, expressRoutes(dir))
	visits := expressVisits(s)
	for _, row := range rows[min(1, len(rows)):] {
		left := strings.ReplaceAll(row[1], "`", "")
		visit := visits[left]
		if visit == nil {
			t.Errorf("nothing shows that the README's row is true: %s", left)
			continue
		}
		delete(visits, left)
		t.Run(notLetters.ReplaceAllString(left, " "), visit) // the name of a directory too, and lists of files have commas
	}
	for left := range visits {
		t.Errorf("the README has no row any more for: %s", left)
	}
}

var notLetters = regexp.MustCompile(`[^a-zA-Z]+`)

// expressOther are what else the right side names.
var expressOther = map[string]func(*testing.T){
	"/static/":                      func(*testing.T) {}, // visited
	"application/problem+json":      func(*testing.T) {}, // visited
	".env":                          func(*testing.T) {}, // read, below
	`{{asset "style.css"}}`:         expressHelper("asset"),
	"asset":                         expressHelper("asset"),
	"invalid":                       expressHelper("invalid"),
	`{{with invalid .Err "email"}}`: expressHelper("invalid"),
	`{{define "home"}}`: func(t *testing.T) {
		if page, err := os.ReadFile("../web/templates/home.html"); err != nil || !strings.Contains(string(page), `{{define "home"}}`) {
			t.Errorf("home.html does not begin so: %v", err)
		}
	},
	"site.Stopping":              func(*testing.T) { _ = handlers.Site{}.Stopping },
	"make dev":                   expressMakeDev,
	"golang.org/x/net/websocket": func(*testing.T) {}, // visited
}

func expressHelper(name string) func(*testing.T) {
	return func(t *testing.T) {
		if functions(nil)[name] == nil {
			t.Errorf("templates have no function %s", name)
		}
	}
}

// expressMakeDev is a look only: what make dev does has tests of its own, in .ci/e2e and scripts/dev.
func expressMakeDev(t *testing.T) {
	makefile, err := os.ReadFile("../Makefile")
	if err != nil || !regexp.MustCompile(`(?m)^dev:`).Match(makefile) {
		t.Errorf("the Makefile has no target dev: %v", err)
	}
	if _, err := os.Stat("../scripts/dev"); err != nil {
		t.Errorf("nothing builds anew after an edit, as nodemon does: %v", err)
	}
}

// expressSource is express_routes_test.go: its code without comments, and its lines without indentation.
func expressSource(t *testing.T) (code, raw string) {
	t.Helper()
	data, err := os.ReadFile("express_routes_test.go")
	if err != nil {
		t.Fatal(err)
	}
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, "", data, 0)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := format.Node(&out, set, file); err != nil {
		t.Fatal(err)
	}
	return out.String(), flush(string(data))
}

// expressIsCode looks for a snippet on one line of code; … stands for anything.
func expressIsCode(code, snippet string) bool {
	var parts []string
	for part := range strings.SplitSeq(snippet, "…") {
		parts = append(parts, regexp.QuoteMeta(strings.TrimSpace(part)))
	}
	return regexp.MustCompile(strings.Join(parts, ".*")).MatchString(code)
}

func expressIsFile(name string) bool {
	_, err := os.Stat(filepath.Join("..", filepath.FromSlash(name)))
	return err == nil && strings.Contains(name, "/")
}

func flush(text string) string {
	var out strings.Builder
	for line := range strings.Lines(text) {
		out.WriteString(strings.TrimSpace(line) + "\n")
	}
	return out.String()
}
