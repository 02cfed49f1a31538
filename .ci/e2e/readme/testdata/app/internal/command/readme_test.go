package command_test

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
	"testing/fstest"

	"github.com/gin-gonic/gin"

	"example.com/turnkey/app/kit"
	"example.com/turnkey/app/settings"
)

// root is the repository, from the directory of this package.
const root = "../../.."

// span is code in a line.
var span = regexp.MustCompile("`([^`]+)`")

// TestExpressTableIsTrue checks the table in the README of kit: each entry on its right side is code that compiles,
// a setting that is accepted or a file that exists. Every row has a request, which TestComingFromExpress sends.
func TestExpressTableIsTrue(t *testing.T) {
	t.Parallel()
	section := expressSection(t)
	code, raw := expressSource(t)
	rows := regexp.MustCompile(`(?m)^\| (.*?) \| (.*) \|$`).FindAllStringSubmatch(section, -1)
	if len(rows) < 40 {
		t.Fatalf("%d rows", len(rows))
	}
	rows = rows[1:] // without the heading

	values := map[string]string{}
	for _, row := range rows {
		for _, m := range span.FindAllStringSubmatch(row[2], -1) {
			expressSpan(t, code, m[1], values)
		}
	}
	if !maps.Equal(values, expressSettings) {
		t.Errorf("the README's settings are\n%v\nand those of TestComingFromExpress\n%v", values, expressSettings)
	}
	for _, m := range regexp.MustCompile("(?s)```go\n(.*?)```").FindAllStringSubmatch(section, -1) {
		if other := expressOther[strings.TrimSpace(m[1])]; other != nil {
			other(t)
		} else if !strings.Contains(raw, flush(unqualified(m[1]))) {
			t.Errorf("this recipe of the README is in neither express_routes_test.go nor express_recipes_test.go:\n%s", m[1])
		}
	}

	visits := expressVisits(&site{})
	for _, row := range rows {
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

// expressSpan checks code of a row's right side. The value of a setting goes into values.
func expressSpan(t *testing.T, code, text string, values map[string]string) {
	t.Helper()
	name, value, isSetting := strings.Cut(text, "=")
	switch {
	case regexp.MustCompile(`^[A-Z_]+$`).MatchString(name):
		if !slices.Contains(settings.Variables(), name) {
			t.Errorf("%s is no setting", name)
		}
		if isSetting {
			values[name] = value
		}
	case expressOther[text] != nil:
		expressOther[text](t)
	case !expressIsCode(code, unqualified(text)) && !expressIsFile(text):
		t.Errorf("the README's %s is neither code of express_routes_test.go, nor a setting, nor a file", text)
	}
}

// expressOther are the other entries of the right side.
var expressOther = map[string]func(*testing.T){
	"/static/":                      func(*testing.T) {}, // visited
	"application/problem+json":      func(*testing.T) {}, // visited
	".env":                          func(*testing.T) {}, // read, in a visit
	`{{asset "style.css"}}`:         expressHelper(`asset "a.css"`),
	"asset":                         expressHelper(`asset "a.css"`),
	"invalid":                       expressHelper(`invalid nil "email"`),
	`{{with invalid .Err "email"}}`: expressHelper(`invalid nil "email"`),
	`{{define "content"}}`: func(t *testing.T) {
		page, err := os.ReadFile(root + "/web/templates/home.html")
		if err != nil || !strings.HasPrefix(string(page), `{{define "content"}}`) {
			t.Errorf("home.html does not begin so: %v", err)
		}
	},
	"server.Stopping()": func(*testing.T) { _ = kit.Server.Stopping },
	"Functions":         func(*testing.T) { _ = kit.Site{}.Functions },
	"apptest.Start(t, handlers.Site)": func(t *testing.T) { // called in TestAddAPageAsTheREADMESays
		files, err := filepath.Glob(root + "/app/apptest/*.go")
		for _, file := range files {
			if text, err := os.ReadFile(file); err == nil && regexp.MustCompile(`(?m)^func Start\(`).Match(text) {
				return
			}
		}
		t.Errorf("app/apptest has no function Start: %v", err)
	},
	"make dev":                   func(*testing.T) {}, // visited, and a target: TestNamesInREADMEsExist
	"github.com/coder/websocket": func(*testing.T) {}, // visited
	"smtp.SendMail":              func(*testing.T) {}, // visited
	"server.Go":                  func(*testing.T) { _ = kit.Server.Go },
	"GET /orders 200 1.1 ms":     func(*testing.T) {}, // TestTheLogOfATerminal
	`r.NoRoute(server.SinglePage("app"))`: func(t *testing.T) {
		text, err := os.ReadFile("singlepage_test.go")
		if err != nil || !strings.Contains(string(text), `r.NoRoute(server.SinglePage("app"))`) {
			t.Errorf("singlepage_test.go does not run it: %v", err)
		}
	},
}

// expressHelper starts a site with a template that calls a function. Templates are parsed at the start, so an unknown
// function stops it.
func expressHelper(call string) func(*testing.T) {
	return func(t *testing.T) {
		startSite(t, prod, kit.Site{
			Routes: func(*gin.Engine, kit.Server) error { return nil },
			Files: fstest.MapFS{
				"templates/a.html": {Data: []byte(`{{define "a"}}{{` + call + `}}{{end}}`)}, "static/a.css": {},
			},
		})
	}
}

func expressSection(t *testing.T) string {
	t.Helper()
	_, section, ok := strings.Cut(readme(t, "app/kit"), "\n## Coming from Express\n")
	if !ok {
		t.Fatal("the README has no section “Coming from Express”")
	}
	section, _, _ = strings.Cut(section, "\n## ")
	return section
}

// kitName matches a name of kit. express_routes_test.go has aliases for them. Another test checks that READMEs write
// the package in front.
var kitName = regexp.MustCompile(`\bkit\.([A-Z])`)

func unqualified(code string) string { return kitName.ReplaceAllString(code, "$1") }

// The examples of rate limits and policies for one route, in the README of middleware, are code of a test.
func TestRoutesInTheMiddlewareREADMEAreCode(t *testing.T) {
	t.Parallel()
	code, _ := expressSource(t)
	count := 0
	for _, m := range span.FindAllStringSubmatch(readme(t, "middleware"), -1) {
		if strings.HasPrefix(m[1], "r.") {
			count++
			if !expressIsCode(code, m[1]) {
				t.Errorf("the README's %s is not code of express_routes_test.go", m[1])
			}
		}
	}
	if count < 2 {
		t.Errorf("%d routes found, want those of CSP and RateLimit", count)
	}
}

// expressSource is express_routes_test.go: its code without comments, and its lines without indentation, with those of
// express_recipes_test.go.
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
	recipes, err := os.ReadFile("express_recipes_test.go")
	if err != nil {
		t.Fatal(err)
	}
	return unqualified(out.String()), flush(unqualified(string(data) + string(recipes)))
}

// expressIsCode looks for a snippet on one line of code. … stands for any text.
func expressIsCode(code, snippet string) bool {
	var parts []string
	for part := range strings.SplitSeq(snippet, "…") {
		parts = append(parts, regexp.QuoteMeta(strings.TrimSpace(part)))
	}
	return regexp.MustCompile(strings.Join(parts, ".*")).MatchString(code)
}

func expressIsFile(name string) bool {
	_, err := os.Stat(filepath.Join(root, filepath.FromSlash(name)))
	return err == nil && strings.Contains(name, "/")
}

func flush(text string) string {
	var out strings.Builder
	for line := range strings.Lines(text) {
		out.WriteString(strings.TrimSpace(line) + "\n")
	}
	return out.String()
}

// The headers in the README's table are those that the server sends.
func TestHelmetTableIsWhatIsSent(t *testing.T) {
	t.Parallel()
	s := start(t, prod)
	resp, _ := s.do("GET", "https://shop.test/", "")
	row := regexp.MustCompile("(?m)^\\| `([A-Z][A-Za-z]*-[A-Za-z-]+)` \\| [^|]+ \\| (—|`[^|]+`) \\| [^|]+ \\|$")
	rows := row.FindAllStringSubmatch(readme(t, "middleware"), -1)
	listed := map[string]bool{}
	for _, row := range rows {
		name, want := row[1], strings.Trim(row[2], "—`")
		listed[name] = true
		if got := resp.Header.Get(name); got != want {
			t.Errorf("%s is %q, and %q in the README", name, got, want)
		}
	}
	about := []string{"Content-Length", "Content-Type", "Date", "X-Request-Id"} // of this answer alone
	for name := range resp.Header {
		if !listed[name] && !slices.Contains(about, name) {
			t.Errorf("the README does not list %s", name)
		}
	}
	if len(rows) != 15 {
		t.Errorf("%d rows, want helmet's 14 headers and Permissions-Policy", len(rows))
	}
}

func TestEnvExampleListsEverySettingInOrder(t *testing.T) {
	t.Parallel()
	names := settings.Variables()
	for file, pattern := range map[string]string{
		root + "/.env.example":           `(?m)^#([A-Z0-9_]+)=`,
		root + "/app/settings/README.md": "(?m)^\\| `([A-Z0-9_]+)`",
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

// readme is the README of a folder.
func readme(t *testing.T, folder string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root, folder, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
