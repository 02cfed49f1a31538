package pages

import (
	"errors"
	"fmt"
	"html/template"
	"io"
	"iter"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

// The types have every way in which a template reaches a value.
type inner struct {
	Name string
	When time.Time
	Tags []string
	Self *inner
	_    int // templates cannot reach it
}

func (inner) Upper(suffix string) string { return suffix }
func (i *inner) Again() *inner           { return i }
func (i inner) Both() (outer, error)     { return outer{}, nil }
func (inner) Names() iter.Seq2[string, inner] {
	return func(yield func(string, inner) bool) { yield("a", filled()) }
}

type base struct {
	Title string
	User  *inner
}

type outer struct {
	base
	*inner
	List  []inner
	Ptrs  []*inner
	ByKey map[string]inner
	Any   any
	Err   error
	Loose map[string]any
	Count int
	Grid  [2][1]inner
	Seq   iter.Seq[inner]
}

func filled() inner {
	return inner{Name: "n", Tags: []string{"t"}, Self: &inner{Name: "s", Self: &inner{Self: &inner{}}}}
}

func full() *outer {
	i := filled()
	return &outer{base: base{"t", &i}, inner: &i, List: []inner{i, i}, Ptrs: []*inner{&i}, ByKey: map[string]inner{"k": i}, Any: i,
		Err: errors.New("e"), Loose: map[string]any{"x": i}, Count: 2, Grid: [2][1]inner{{i}, {i}},
		Seq: func(yield func(inner) bool) { yield(i) }}
}

func faultsOf(t *testing.T, text string, value any) (Faults, *Pages) {
	t.Helper()
	functions := template.FuncMap{"first": func(l []inner) inner { return l[0] }}
	p, err := New(Options{Files: templatesOf(map[string]string{"page": text}), Functions: functions, Live: true,
		Values: map[string]any{"page": value}})
	if err != nil {
		t.Fatal(err)
	}
	faults, _ := p.Check().(Faults)
	return faults, p
}

func TestFieldsAreCheckedAgainstTheValueOfAPage(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{{.Titel}}`:                                          `{{.Titel}}: pages.outer has neither a field nor a method Titel → is Title meant?`,
		"\n\n{{.User.Nmae}}":                                  `page.html:3: {{.User.Nmae}}: pages.inner has neither a field nor a method Nmae → is Name meant?`,
		`{{range .List}}{{.Nam}}{{end}}`:                      "pages.inner",
		`{{range $i, $x := .Ptrs}}{{$x.Nam}}{{end}}`:          "pages.inner",
		`{{range .ByKey}}{{.Nam}}{{end}}`:                     "pages.inner",
		`{{range .Seq}}{{.Nam}}{{end}}`:                       "pages.inner",
		`{{range $k, $v := .User.Names}}{{$v.Nam}}{{end}}`:    "pages.inner",
		`{{with .User}}{{.Nam}}{{end}}`:                       "pages.inner",
		`{{with .User}}{{else}}{{.Nam}}{{end}}`:               "pages.outer",
		`{{with .User}}{{$.Nam}}{{end}}`:                      "pages.outer",
		`{{$x := .User}}{{$x.Nam}}`:                           "pages.inner",
		`{{(index .List 0).Nam}}`:                             "pages.inner",
		`{{(index .Grid 0 0).Nam}}`:                           "pages.inner",
		`{{(first .List).Nam}}`:                               "pages.inner",
		`{{(.List | first).Nam}}`:                             "pages.inner",
		`{{.User.Both.Nam}}`:                                  "pages.outer",
		`{{.User.Again.Self.When.Yeer}}`:                      "time.Time",
		`{{if eq .Titel "x"}}{{end}}`:                         "pages.outer",
		`{{.User.Upper .Nam}}`:                                "pages.outer",
		`{{.Title.Nam}}`:                                      "string",
		`{{.inner.Nam}}`:                                      "does not export the field inner",
		`{{define "r"}}{{.Nam}}{{end}}{{template "r" .User}}`: "pages.inner",
		`{{block "r" .User}}{{.Nam}}{{end}}`:                  "pages.inner",
		`{{define "r"}}{{range .Ptrs}}{{template "r" .}}{{end}}{{end}}{{template "r" .}}`: "pages.inner has neither a field nor a method Ptrs",
		`{{.ByKey.k.Nam}}`: "pages.inner",

		`{{.Any.Nam}}{{.Err.Code}}{{.Loose.x.Nam}}`:                                                  "",
		`{{$x := .User}}{{$x = .Title}}{{if false}}{{$x.Any}}{{end}}`:                                "",
		`{{range $x := .List}}{{else}}{{range $x}}{{.Name}}{{end}}{{end}}`:                           "",
		`{{with $x := .User}}{{$x := .When}}{{$x.Year}}{{else}}{{$x}}{{end}}`:                        "",
		`{{define "r"}}{{.Nam}}{{end}}{{template "r"}}`:                                              "", // without a value every field is empty
		`{{range .Tags}}{{.}}{{end}}{{.Name}}{{.Self.Again.Both.base}}`:                              "does not export",
		`{{range $i, $e := .Count}}{{end}}{{(or .User .User.Self).Name}}{{len .List | printf "%d"}}`: "",
	} {
		faults, _ := faultsOf(t, text, outer{})
		got := strings.Join(strings.Fields(strings.ReplaceAll(fmt.Sprint(faults), "\n", " ")), " ")
		if (want == "") != (len(faults) == 0) || !strings.Contains(faults.Error()+" "+strings.Join(strings.Fields(faults.Error()), " "), want) {
			t.Errorf("%s: got %s, want %q", text, got, want)
		}
	}
	for _, value := range []any{nil, map[string]any{}, new(any), (*any)(nil)} {
		if faults, _ := faultsOf(t, `{{.Nope.Nope}}{{range .X}}{{.Y}}{{end}}`, value); len(faults) > 0 {
			t.Errorf("of a %T nothing is known: %v", value, faults)
		}
	}
}

// A template that executes has no fault, and one that fails for want of a field has one: random templates, half of them
// with a wrong name somewhere.
func TestRandomTemplatesHaveTheFaultsThatTheirExecutionShows(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	valid, invalid := 0, 0
	for n := range uint64(1500) {
		g := &generator{random: rand.New(rand.NewPCG(seed, n)), wrong: -1}
		if n%2 == 1 {
			g.wrong = int(n % 3)
		}
		text := g.list("outer", 3)
		faults, p := faultsOf(t, text, outer{})
		s := load(p.renderer.Files, p.renderer.functions).pages["page"]
		if s.html == nil {
			t.Fatalf("seed %d, %d: the generator is wrong: %v\n%s", seed, n, s.faults, text)
		}
		err := s.html.ExecuteTemplate(io.Discard, s.entry, full())
		if err != nil && !strings.Contains(err.Error(), "can't evaluate field Wrong") {
			t.Fatalf("seed %d, %d: the generator is wrong: %v\n%s", seed, n, err, text)
		}
		if (err != nil) != (len(faults) > 0) {
			t.Errorf("seed %d, %d: faults %v, and the execution says %v:\n%s", seed, n, faults, err, text)
		}
		if err == nil {
			valid++
		} else {
			invalid++
		}
	}
	if valid < 200 || invalid < 200 {
		t.Errorf("%d templates with and %d without a fault: that compares too little", invalid, valid)
	}
}

// generator writes templates that execute without an error on full(), and that take every branch. After wrong names it
// writes one that no type has.
type generator struct {
	random *rand.Rand
	wrong  int
	vars   int
}

func (g *generator) name(name string) string {
	if g.wrong--; g.wrong == -1 {
		return "Wrong"
	}
	return name
}

// pick returns an expression of a type and its type: outer, inner, inners (a slice of inner) or string.
func (g *generator) pick(dot, dotType, want string) string {
	if dotType == "outer" {
		switch want {
		case "inner":
			return []string{dot + "." + g.name("User"), "(index " + dot + "." + g.name("List") + " 1)", "(first " + dot + ".List)",
				dot + ".ByKey.k", "(index " + dot + "." + g.name("Grid") + " 0 0)", dot + ".User.Self.Again"}[g.random.IntN(6)]
		case "string":
			return []string{dot + "." + g.name("Title"), "(" + dot + "." + g.name("User") + ".Name | printf \"%s\")", dot + ".Name"}[g.random.IntN(3)]
		case "inners":
			return dot + "." + g.name([]string{"List", "Ptrs", "ByKey", "Seq"}[g.random.IntN(4)])
		}
		return dot
	}
	switch want {
	case "outer":
		return dot + "." + g.name("Both")
	case "string":
		return []string{dot + "." + g.name("Name"), "(" + dot + "." + g.name("Upper") + " \"x\")", dot + ".When." + g.name("String")}[g.random.IntN(3)]
	}
	return dot
}

func (g *generator) list(dotType string, depth int) string {
	var out strings.Builder
	for range 1 + g.random.IntN(3) {
		g.vars++
		id := g.vars
		kind := g.random.IntN(7)
		if depth == 0 {
			kind = 0
		}
		switch kind {
		case 0:
			out.WriteString("{{" + trimmed(g.pick("", dotType, "string")) + "}}")
		case 1:
			fmt.Fprintf(&out, "{{if %s}}%s{{end}}", trimmed(g.pick("", dotType, "string"))+" | len | le 0", g.list(dotType, depth-1))
		case 2:
			if dotType == "outer" {
				fmt.Fprintf(&out, "{{with %s}}%s{{end}}", trimmed(g.pick("", dotType, "inner")), g.list("inner", depth-1))
			} else {
				// what Both returns has no lists: only its strings exist
				fmt.Fprintf(&out, "{{with %s}}{{.%s}}{{end}}", trimmed(g.pick("", dotType, "outer")), g.name("Title"))
			}
		case 3:
			if dotType == "outer" {
				fmt.Fprintf(&out, "{{range %s}}%s{{else}}{{.Title}}{{end}}", trimmed(g.pick("", dotType, "inners")), g.list("inner", depth-1))
			}
		case 4:
			v := fmt.Sprintf("$v%d", id)
			if dotType == "outer" {
				fmt.Fprintf(&out, "{{%s := %s}}{{%s}}{{%s}}", v, trimmed(g.pick("", dotType, "inner")), g.pick(v, "inner", "string"), g.pick(v, "inner", "string"))
			} else {
				fmt.Fprintf(&out, "{{%s := .}}{{%s}}{{%s = $}}{{%s.Title}}", v, g.pick("$", "outer", "string"), v, v)
			}
		case 5:
			if dotType == "outer" {
				fmt.Fprintf(&out, "{{range $i%d, $e%d := .%s}}{{%s}}{{end}}", id, id, g.name("List"), g.pick(fmt.Sprintf("$e%d", id), "inner", "string"))
			}
		case 6:
			fmt.Fprintf(&out, "{{block \"b%d\" %s}}%s{{end}}", id, trimmed(g.pick("", dotType, dotType)), g.inBlock(dotType, depth-1))
		}
	}
	return out.String()
}

// inBlock is a list in which $ is of the type of the dot.
func (g *generator) inBlock(dotType string, depth int) string {
	if dotType == "outer" {
		return g.list(dotType, depth)
	}
	return "{{" + g.pick("$", "inner", "string") + "}}"
}

// trimmed is an expression; the dot itself is written so.
func trimmed(expression string) string {
	if expression == "" {
		return "."
	}
	return expression
}

func TestPagesTakeDeclaredValuesOnly(t *testing.T) {
	t.Parallel()
	files := templatesOf(map[string]string{"home": "{{.Title}}", "cart": "cart", "error": "oh {{.}}", "free": "free", "_row": "row"})
	values := map[string]any{"home": titled{}, "free": nil}
	const undeclared = `web/templates/cart.html: Pages in handlers/site.go has no "cart"`
	for _, live := range []bool{false, true} {
		if !live { // a page that is not declared stops the start
			if _, err := New(Options{Files: files, Values: values}); err == nil || !strings.Contains(err.Error(), undeclared) {
				t.Errorf("a page without a declaration is answered %v", err)
			}
			delete(files, "templates/cart.html")
		} else {
			files["templates/cart.html"] = &fstest.MapFile{Data: []byte("cart")}
		}
		p, err := New(Options{Files: files, Live: live, Values: values})
		if err != nil {
			t.Fatal(err)
		}
		if live && (p.Check() == nil || !strings.Contains(p.Check().Error(), undeclared)) {
			t.Errorf("in development it is answered %v", p.Check())
		}
		for _, test := range []struct {
			page  string
			value any
			want  string // of the error
		}{
			{"home", titled{"x"}, ""}, {"home", &titled{"x"}, ""}, {"free", 7, ""}, {"free", nil, ""}, {"error", "anything", ""},
			{"cart", titled{}, `add "cart": pages.titled{} to Pages in handlers/site.go`},
			{"cart", &titled{}, `add "cart": pages.titled{}`}, {"cart", nil, `add "cart": nil`}, {"cart", "x", `add "cart": string("")`},
			{"cart", map[string]any{}, `add "cart": map[string]interface {}{} to Pages in handlers/site.go; better pass a struct`}, {"_row", titled{}, `add "_row"`},
			{"home", outer{}, `"home": pages.outer{}`}, {"home", nil, "declared for pages.titled and got <nil>"},
		} {
			if !live && test.page == "cart" {
				continue
			}
			_, err := rendered(t, p, test.page, test.value)
			if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
				t.Errorf("live %v: %s with %T got %v, want %q", live, test.page, test.value, err, test.want)
			}
		}
	}
	for _, test := range []struct {
		o    Options
		want string
	}{
		{Options{Values: map[string]any{"home": titled{}}}, undeclared},
		{Options{Values: map[string]any{"hoem": nil}}, `handlers/site.go: Pages has "hoem"`},
		{Options{Values: map[string]any{"home": struct{ Titel string }{}}}, "home.html:1: {{.Title}}"},
		{Options{Values: map[string]any{"error": titled{}}, Error: outer{}}, `Pages has a pages.titled for "error", which gets a pages.outer`},
		{Options{}, ""},
	} {
		test.o.Files = files
		if _, err := New(test.o); (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%v: got %v, want %q", test.o.Values, err, test.want)
		}
	}
}
