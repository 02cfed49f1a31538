package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"example.com/turnkey/scripts/internal/project"
)

// pkg is what go list prints of a package. Path is relative to the project.
type pkg struct {
	Path                               string `json:"-"`
	ImportPath                         string
	Imports, TestImports, XTestImports []string
	Module                             struct{ Path string }
}

// TestImportsRunOneWay holds the closed rooms to their lines of the list. What is not in the list is free, also beside
// a room.
func TestImportsRunOneWay(t *testing.T) {
	t.Parallel()
	list, packages := read(t)
	for _, p := range packages {
		for _, fault := range faults(list, p) {
			t.Error(fault)
		}
	}
}

func TestImportAgainstTheListIsReported(t *testing.T) {
	t.Parallel()
	list, err := project.ParseRooms("middleware gin\ntlsconfig tlsconfig/chain autocert\ntlsconfig/chain\nscripts/dev scripts/internal/process\nscripts/internal/process\n")
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ room, imports, want string }{
		{"middleware", "github.com/gin-gonic/gin/binding", ""},
		{"middleware", "net/http", ""},
		{"middleware", "m/tlsconfig", "middleware imports tlsconfig"},
		{"middleware", "m/scripts/dev", "middleware imports scripts/dev"},
		{"middleware", "m/handlers", "middleware imports handlers"},
		{"middleware/new", "fmt", "middleware/new is in middleware and has no line of its own"},
		{"tlsconfig", "m/tlsconfig/chain", ""},
		{"tlsconfig", "golang.org/x/crypto/acme/autocert", ""},
		{"tlsconfig", "github.com/gin-gonic/gin", "tlsconfig imports github.com/gin-gonic/gin"},
		{"tlsconfig/chain", "golang.org/x/crypto/acme/autocert", "tlsconfig/chain imports golang.org/x/crypto/acme/autocert"},
		{"scripts/dev", "m/scripts/internal/process", ""},
		{"scripts/brew", "m/handlers", ""},
		{"billing", "golang.org/x/crypto/acme/autocert", ""},
	} {
		p := pkg{Path: test.room, Imports: []string{test.imports}}
		p.Module.Path = "m"
		if got := strings.Join(faults(list, p), "; "); !strings.HasPrefix(got, test.want) || test.want == "" && got != "" {
			t.Errorf("%s with %s: got %q, want %q", test.room, test.imports, got, test.want)
		}
	}
	p := pkg{Path: "middleware", XTestImports: []string{"m/handlers"}}
	p.Module.Path = "m"
	if got := faults(list, p); len(got) != 1 {
		t.Errorf("a test that imports the owner's handlers: got %q", got)
	}
}

// TestListMatchesTheDisk checks the list against the disk and against two rules: no production room imports scripts,
// and only one room imports autocert.
func TestListMatchesTheDisk(t *testing.T) {
	t.Parallel()
	list, packages := read(t)
	autocert := 0
	for _, r := range list.Closed {
		if _, err := os.Stat("../../" + r.Path); err != nil {
			t.Errorf("the list has %s: %v", r.Path, err)
		}
		for _, may := range r.May {
			isPackage := slices.ContainsFunc(packages, func(p pkg) bool { return p.Path == may })
			switch {
			case may == "autocert":
				autocert++
			case may != "gin" && !isPackage:
				t.Errorf("%s may import %s, which is no package", r.Path, may)
			case strings.HasPrefix(may, "scripts/") && !strings.HasPrefix(r.Path, "scripts/"):
				t.Errorf("%s may import %s, and production holds nothing of scripts", r.Path, may)
			case may != "gin" && !list.Has(may):
				t.Errorf("%s may import %s, which is the owner's", r.Path, may)
			}
		}
	}
	if autocert != 1 {
		t.Errorf("%d rooms may import autocert, want 1", autocert)
	}
	for _, r := range list.Outer() {
		if r == "app" || r == "scripts" {
			t.Errorf("the list has %s, where the owner has files too", r)
		}
	}
}

// Helpers

// faults returns what a package does that its room's line does not allow.
func faults(list project.Rooms, p pkg) (out []string) {
	room, closed := list.Of(p.Path)
	if !closed {
		return nil
	}
	if room.Path != p.Path {
		out = append(out, p.Path+" is in "+room.Path+" and has no line of its own in "+project.RoomsFile)
	}
	for _, imp := range p.Imports {
		if word, ruled := p.word(imp); ruled && !slices.Contains(room.May, word) {
			out = append(out, p.Path+" imports "+strings.TrimPrefix(imp,
				p.Module.Path+"/")+"; its line in "+project.RoomsFile+" does not allow that")
		}
	}
	for _, imp := range slices.Concat(p.TestImports, p.XTestImports) {
		if ours, is := strings.CutPrefix(imp, p.Module.Path+"/"); is && !list.Has(ours) {
			out = append(out, "a test of "+p.Path+" imports "+ours+", which is the owner's")
		}
	}
	return out
}

// word returns what a line of the list calls an import, and whether it needs to be there.
func (p pkg) word(imp string) (string, bool) {
	const gin, acme = "github.com/gin-gonic/gin", "golang.org/x/crypto/acme/autocert"
	ours, isOurs := strings.CutPrefix(imp, p.Module.Path+"/")
	switch {
	case imp == gin || strings.HasPrefix(imp, gin+"/"):
		return "gin", true
	case imp == acme:
		return "autocert", true
	}
	return ours, isOurs
}

func read(t *testing.T) (project.Rooms, []pkg) {
	t.Helper()
	list, err := project.ReadRooms("../..")
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("go", "list", "-tags", "nomsgpack",
		"-json=ImportPath,Imports,TestImports,XTestImports,Module", "../../...").Output()
	if err != nil {
		t.Fatal(err)
	}
	var packages []pkg
	for dec := json.NewDecoder(strings.NewReader(string(out))); dec.More(); {
		var p pkg
		if err := dec.Decode(&p); err != nil {
			t.Fatal(err)
		}
		p.Path = strings.TrimPrefix(p.ImportPath, p.Module.Path+"/")
		packages = append(packages, p)
	}
	return list, packages
}
