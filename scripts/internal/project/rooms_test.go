package project

import (
	"slices"
	"testing"
)

const text = `# what is closed
middleware          gin # and nothing else
tlsconfig           tlsconfig/chain
tlsconfig/chain
app/README.md

[template]
.ci/e2e
.ci/run
`

func TestAListIsRead(t *testing.T) {
	l, err := ParseRooms(text)
	if err != nil {
		t.Fatal(err)
	}
	if got := l.Outer(); !slices.Equal(got, []string{"middleware", "tlsconfig", "app/README.md"}) {
		t.Errorf("the outer rooms are %q", got)
	}
	for file, want := range map[string]string{
		"middleware/csp.go": "middleware", "tlsconfig/a.go": "tlsconfig", "tlsconfig/chain/read.go": "tlsconfig/chain", "app/README.md": "app/README.md",
		"app/main.go": "", "middleware2/a.go": "", ".ci/run": "", "tlsconfig/chain": "tlsconfig/chain",
	} {
		if r, closed := l.Of(file); r.Path != want || closed != (want != "") {
			t.Errorf("%s is in %q (%t), want %q", file, r.Path, closed, want)
		}
	}
	for file, want := range map[string]string{".ci/e2e/go.mod": ".ci/e2e", ".ci/run": ".ci/run", ".ci/runs": "",
		"middleware/csp.go": ""} {
		if got := l.OfTemplate(file); got != want {
			t.Errorf("of the template %s is %q, want %q", file, got, want)
		}
	}
	if r, _ := l.Of("middleware"); !slices.Equal(r.May, []string{"gin"}) {
		t.Errorf("middleware may import %q", r.May)
	}
}

// An upgrade removes what a line names, so a line names nothing outside the project and never the whole of it.
func TestAPathOutsideIsRefused(t *testing.T) {
	for _, line := range []string{"../app", "/etc", ".", "app/../..", "app/", "", "# nothing\n", "[template]\n.ci\n"} {
		if l, err := ParseRooms(line); err == nil {
			t.Errorf("%q is read as %v", line, l)
		}
	}
}
