package command_test

import (
	"encoding/json"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestImportsRunOneWay keeps the closed rooms apart: middleware and tlsconfig can be replaced by a newer version of
// themselves, and the production binary holds nothing of the scripts. Packages and scripts of your own, handlers among them,
// import what they like.
func TestImportsRunOneWay(t *testing.T) {
	t.Parallel()
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports,Module", "../../../...").Output()
	if err != nil {
		t.Fatal(err)
	}
	const gin, acme = "github.com/gin-gonic/gin", "golang.org/x/crypto/acme/autocert"
	may := map[string][]string{ // what a closed room imports of ours, of gin and of autocert
		"middleware":             {gin, "middleware/host", "middleware/input", "middleware/loglimit", "middleware/proxyheader"},
		"middleware/host":        {},
		"middleware/input":       {gin, gin + "/binding", gin + "/codec/json", "middleware/loglimit"},
		"middleware/loglimit":    {},
		"middleware/proxyheader": {"middleware/loglimit"},
		"tlsconfig": {"tlsconfig/internal/acme", "tlsconfig/internal/authority", "tlsconfig/internal/cert",
			"tlsconfig/internal/clientca", "tlsconfig/internal/files", "tlsconfig/internal/local", "tlsconfig/internal/store",
			"tlsconfig/localca", "tlsconfig/setting"},
		"tlsconfig/internal/local": {"tlsconfig/internal/cert", "tlsconfig/internal/clientca", "tlsconfig/internal/files",
			"tlsconfig/localca", "tlsconfig/setting"},
		"tlsconfig/internal/files": {"tlsconfig/internal/cert", "tlsconfig/internal/clientca", "tlsconfig/chain",
			"tlsconfig/localca", "tlsconfig/osfile", "tlsconfig/setting"},
		"tlsconfig/internal/acme": {"tlsconfig/internal/cert", "tlsconfig/internal/clientca", "tlsconfig/internal/store",
			"tlsconfig/osfile", "tlsconfig/setting"}, // not authority: the clock does not know its issuer
		"tlsconfig/internal/authority": {"tlsconfig/internal/cert", "tlsconfig/internal/store", "tlsconfig/chain", acme},
		"tlsconfig/internal/clientca":  {"tlsconfig/chain", "tlsconfig/osfile", "tlsconfig/setting"},
		"tlsconfig/internal/store":     {"tlsconfig/osfile"},
		"tlsconfig/internal/cert":      {"tlsconfig/chain", "tlsconfig/osfile"},
		"tlsconfig/localca":            {"tlsconfig/chain", "tlsconfig/osfile"},
		"tlsconfig/chain":              {}, "tlsconfig/osfile": {}, "tlsconfig/setting": {},
		"web": {}, "app/settings/envfile": {},
	}
	seen := 0
	for dec := json.NewDecoder(strings.NewReader(string(out))); dec.More(); {
		var p struct {
			ImportPath string
			Imports    []string
			Module     struct{ Path string }
		}
		if err := dec.Decode(&p); err != nil {
			t.Fatal(err)
		}
		room := strings.TrimPrefix(p.ImportPath, p.Module.Path+"/")
		allowed, closed := may[room]
		if closed {
			seen++
		}
		script := startersScript.MatchString(room)
		if !closed && !script && !strings.HasPrefix(room, "app/") {
			continue
		}
		for _, imp := range p.Imports {
			ours, isOurs := strings.CutPrefix(imp, p.Module.Path+"/")
			switch {
			case closed && (isOurs || strings.HasPrefix(imp, gin)) && !slices.Contains(allowed, ours),
				imp == acme && !slices.Contains(allowed, acme),
				isOurs && script && !slices.Contains([]string{"tlsconfig/localca", "tlsconfig/chain", "app/settings/envfile", "app/devlink"}, ours) && !strings.HasPrefix(ours, "scripts/"),
				isOurs && !script && strings.HasPrefix(ours, "scripts/"):
				t.Errorf("%s imports %s", room, imp)
			}
		}
	}
	if seen != len(may) {
		t.Errorf("%d of %d closed rooms found", seen, len(may))
	}
}

// TestNoClosedRoomKnowsTheOwnersPackages keeps tests of closed rooms passing whatever the owner changes in what is his. Only
// app/main.go imports handlers.
func TestNoClosedRoomKnowsTheOwnersPackages(t *testing.T) {
	t.Parallel()
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports,TestImports,XTestImports,Module",
		"../../../app/...", "../../../middleware/...", "../../../tlsconfig/...", "../../../scripts/...")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for dec := json.NewDecoder(strings.NewReader(string(out))); dec.More(); {
		var p struct {
			ImportPath                         string
			Imports, TestImports, XTestImports []string
			Module                             struct{ Path string }
		}
		if err := dec.Decode(&p); err != nil {
			t.Fatal(err)
		}
		room := strings.TrimPrefix(p.ImportPath, p.Module.Path+"/")
		if !closedRoom.MatchString(room) && !startersScript.MatchString(room) {
			continue
		}
		seen++
		for _, imp := range slices.Concat(p.Imports, p.TestImports, p.XTestImports) {
			if owners := strings.TrimPrefix(imp, p.Module.Path+"/"); owners == "handlers" || owners == "web" {
				t.Errorf("%s imports %s", room, owners)
			}
		}
	}
	if seen < 15 {
		t.Errorf("%d closed rooms seen", seen)
	}
}

// closedRoom matches the rooms that the owner does not edit, beside which there may be rooms of the owner's.
var closedRoom = regexp.MustCompile(`^(app/(apptest|devlink|internal|kit|settings)|middleware|tlsconfig)(/|$)`)

// startersScript matches the scripts that come with the starter, beside which you may have scripts of your own.
var startersScript = regexp.MustCompile(`^scripts/(dev|devcert|doctor|internal|phone|rehearse|rename|trust)(/|$)`)
