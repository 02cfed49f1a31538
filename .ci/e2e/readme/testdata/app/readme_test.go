package main

import (
	"bytes"
	"go/format"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"example.com/turnkey/handlers"
)

// TestTheExpressTableHolds holds the README's table to its word: what stands on its right side is code that compiles, a
// setting that is understood or a file that is there, and every row has a visit, which TestComingFromExpress makes.
func TestTheExpressTableHolds(t *testing.T) {
	t.Parallel()
	_, section, ok := strings.Cut(readme(t), "\n## Coming from Express\n")
	if !ok {
		t.Fatal("the README has no section “Coming from Express”")
	}
	section, _, _ = strings.Cut(section, "\n## ")
	code, raw := expressSource(t)

	settings := map[string]string{}
	_, asked, _ := loadConfig(func(string) (string, bool) { return "", false }, "turnkey")
	rows := regexp.MustCompile(`(?m)^\| (.*?) \| (.*) \|$`).FindAllStringSubmatch(section, -1)
	span := regexp.MustCompile("`([^`]+)`")
	for _, row := range rows[min(1, len(rows)):] { // without the heading
		for _, m := range span.FindAllStringSubmatch(row[2], -1) {
			name, value, isSetting := strings.Cut(m[1], "=")
			switch {
			case regexp.MustCompile(`^[A-Z_]+$`).MatchString(name):
				if !slices.Contains(asked, name) {
					t.Errorf("%s is no setting", name)
				}
				if isSetting {
					settings[name] = value
				}
			case expressOther[m[1]] != nil:
				expressOther[m[1]](t)
			case !expressIsCode(code, m[1]) && !expressIsFile(m[1]):
				t.Errorf("the README's %s is neither code of express_routes_test.go, nor a setting, nor a file", m[1])
			}
		}
	}
	if !maps.Equal(settings, expressSettings) {
		t.Errorf("the README's settings are\n%v\nand those of TestComingFromExpress\n%v", settings, expressSettings)
	}
	for _, m := range regexp.MustCompile("(?s)```go\n(.*?)```").FindAllStringSubmatch(section, -1) {
		if !strings.Contains(raw, flush(m[1])) {
			t.Errorf("this recipe of the README is not in express_routes_test.go:\n%s", m[1])
		}
	}

	visits := expressVisits(&site{})
	for _, row := range rows[min(1, len(rows)):] {
		left := strings.ReplaceAll(row[1], "`", "")
		if visits[left] == nil {
			t.Errorf("nothing shows that the README's row is true: %s", left)
		}
		delete(visits, left)
	}
	for left := range visits {
		t.Errorf("the README has no row any more for: %s", left)
	}
}

// expressOther are what else the right side names.
var expressOther = map[string]func(*testing.T){
	"/static/":                      func(*testing.T) {}, // visited
	"application/problem+json":      func(*testing.T) {}, // visited
	".env":                          func(*testing.T) {}, // read, in a visit
	`{{asset "style.css"}}`:         expressHelper("asset"),
	"asset":                         expressHelper("asset"),
	"invalid":                       expressHelper("invalid"),
	`{{with invalid .Err "email"}}`: expressHelper("invalid"),
	`{{define "home"}}`: func(t *testing.T) {
		if page, err := os.ReadFile("../web/templates/home.html"); err != nil || !strings.Contains(string(page), `{{define "home"}}`) {
			t.Errorf("home.html does not begin so: %v", err)
		}
	},
	"site.Stopping": func(*testing.T) { _ = handlers.Site{}.Stopping },
	"make dev": func(t *testing.T) { // visited too
		if makefile, err := os.ReadFile("../Makefile"); err != nil || !regexp.MustCompile(`(?m)^dev:`).Match(makefile) {
			t.Errorf("the Makefile has no target dev: %v", err)
		}
	},
	"golang.org/x/net/websocket": func(*testing.T) {}, // visited
}

func expressHelper(name string) func(*testing.T) {
	return func(t *testing.T) {
		if functions(nil)[name] == nil {
			t.Errorf("templates have no function %s", name)
		}
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

// The README's table is what is really sent.
func TestTheHelmetTableHolds(t *testing.T) {
	t.Parallel()
	s := start(t, prod)
	resp, _ := s.do("GET", "https://shop.test/", "")
	rows := regexp.MustCompile("(?m)^\\| `([A-Z][A-Za-z]*-[A-Za-z-]+)` \\| [^|]+ \\| (—|`[^|]+`) \\| [^|]+ \\|$").FindAllStringSubmatch(readme(t), -1)
	listed := map[string]bool{}
	for _, row := range rows {
		name, want := row[1], strings.Trim(row[2], "—`")
		listed[name] = true
		if got := resp.Header.Get(name); got != want {
			t.Errorf("%s is %q, and %q in the README", name, got, want)
		}
	}
	for name := range posture {
		if !listed[name] {
			t.Errorf("the README does not list %s", name)
		}
	}
	if len(rows) != 15 {
		t.Errorf("%d rows, want helmet's 14 headers and Permissions-Policy", len(rows))
	}
}

func TestTheExampleListsEverySettingInOrder(t *testing.T) {
	t.Parallel()
	_, names, _ := loadConfig(func(string) (string, bool) { return "", false }, "turnkey")
	for file, pattern := range map[string]string{
		filepath.Join("..", ".env.example"): `(?m)^#([A-Z_]+)=`,
		filepath.Join("..", "README.md"):    "(?m)^\\| `([A-Z_]+)`",
	} {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var listed []string
		for _, m := range regexp.MustCompile(pattern).FindAllSubmatch(data, -1) {
			listed = append(listed, string(m[1]))
		}
		if !slices.Equal(listed, names) {
			t.Errorf("%s lists\n%v\nwhile the program reads\n%v", file, listed, names)
		}
	}
}

func readme(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
