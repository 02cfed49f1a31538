package main

import (
	"encoding/json"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// TestImportsRunOneWay keeps the rooms apart: middleware and tlsconfig can be replaced by a newer version of
// themselves, and the production binary holds nothing of the scripts.
func TestImportsRunOneWay(t *testing.T) {
	t.Parallel()
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports,GoFiles", "../...").Output()
	if err != nil {
		t.Fatal(err)
	}
	const gin, acme = "github.com/gin-gonic/gin", "golang.org/x/crypto/acme/autocert"
	may := map[string][]string{
		"app": {"handlers", "middleware", "tlsconfig", "tlsconfig/localca", "web", gin}, "handlers": {gin}, "middleware": {gin},
		"web": {}, "tlsconfig": {"tlsconfig/localca", acme}, "tlsconfig/localca": {},
	}
	seen := 0
	for dec := json.NewDecoder(strings.NewReader(string(out))); dec.More(); {
		var p struct {
			ImportPath string
			Imports    []string
		}
		if err := dec.Decode(&p); err != nil {
			t.Fatal(err)
		}
		_, room, _ := strings.Cut(p.ImportPath, "turnkey/")
		allowed, known := may[room]
		if !known {
			if !strings.HasPrefix(room, "scripts/") {
				t.Errorf("%s is a room that nobody drew", p.ImportPath)
			}
			allowed = []string{"tlsconfig/localca"}
		} else {
			seen++
		}
		for _, imp := range p.Imports {
			_, ours, isOurs := strings.Cut(imp, "turnkey/")
			switch {
			case isOurs && strings.HasPrefix(room, "scripts/") && strings.HasPrefix(ours, "scripts/"):
			case isOurs && !slices.Contains(allowed, ours),
				strings.HasPrefix(imp, gin) && !slices.Contains(allowed, gin),
				imp == acme && !slices.Contains(allowed, acme):
				t.Errorf("%s imports %s", p.ImportPath, imp)
			}
		}
	}
	if seen != len(may) {
		t.Errorf("%d of %d rooms found", seen, len(may))
	}
}
