//go:build unix

package readme

import (
	"fmt"
	"go/constant"
	"go/token"
	"go/types"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"example.com/turnkey/e2e/rig"
)

const (
	rootLines  = 200
	lineLength = 150 // characters, outside tables and, in the folders, outside blocks
)

func TestRootREADMEIsShort(t *testing.T) {
	t.Parallel()
	for _, d := range documents(t, root) {
		isRoot, text := d.path == "README.md", d.prose()
		if isRoot {
			text = d.text
			if lines := strings.Count(text, "\n"); lines > rootLines {
				t.Errorf("the README has %d lines, want at most %d", lines, rootLines)
			}
		}
		for line := range strings.Lines(text) {
			n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n"))
			if n > lineLength && !strings.HasPrefix(line, "|") {
				t.Errorf("%s: %d characters: %s", d.path, n, line)
			}
		}
	}
}

// A block in another language would contain commands or settings that no test runs.
func TestEveryBlockHasATestedLanguage(t *testing.T) {
	t.Parallel()
	known := map[string]string{
		"":        "",                            // output of programs
		"mermaid": "",                            // a picture
		"console": "",                            // other machines: servers, registries
		"sh":      "",                            // TestCommandsInREADMEsWork
		"ini":     "",                            // TestSettingsInREADMEsAreAccepted
		"go":      "README.md app/kit/README.md", // TestAddAPageAsTheREADMESays, TestExpressTableIsTrue
		"js":      "app/kit/README.md",           // TestAFrontEndOfVite, in another package
		"html":    "README.md",                   // TestAddAPageAsTheREADMESays
		"nginx":   "scripts/deploy/README.md",    // TestBehindNginx
		"apache":  "scripts/deploy/README.md",    // TestBehindApache
		"haproxy": "scripts/deploy/README.md",    // TestBehindHAProxyAsTheREADMESays, TestBehindATCPBalancerAsTheREADMESays
	}
	for _, d := range documents(t, root) {
		blocks := fence.FindAllStringSubmatch(d.text, -1)
		if fences := len(regexp.MustCompile("\n *```").FindAllString(d.text, -1)); fences != 2*len(blocks) {
			t.Errorf("%s: %d fences, and %d blocks", d.path, fences, len(blocks))
		}
		for _, m := range blocks {
			if where, ok := known[m[1]]; !ok || where != "" && !slices.Contains(strings.Fields(where), d.path) {
				t.Errorf("%s has a block of %q, which no test looks at:\n%s", d.path, m[1], m[2])
			}
		}
	}
}

// Every README can be reached from the root's, and every link has a target, in the template and in a renamed clone,
// which has another root README and no files that only the template needs.
func TestLinksInREADMEsHaveTargets(t *testing.T) {
	t.Parallel()
	lead(t, root)

	clone := rig.Clone(t)
	run(t, clone, rig.Stranger(t, t.TempDir(), "CI=1"), "go run ./scripts/rename -write example.com/you/shop")
	lead(t, clone)
}

func lead(t *testing.T, dir string) {
	t.Helper()
	docs := map[string]document{}
	for _, d := range documents(t, dir) {
		docs[d.path] = d
	}
	linked := map[string]bool{"README.md": true}
	for _, d := range docs {
		for _, to := range d.links() {
			linked[to.file] = true
			if _, err := os.Stat(filepath.Join(dir, filepath.FromSlash(to.file))); err != nil {
				t.Errorf("%s links to %s: %v", d.path, to.written, err)
				continue
			}
			if to.fragment != "" && !docs[to.file].anchors()[to.fragment] {
				t.Errorf("%s links to %s, and no heading there has that name", d.path, to.written)
			}
		}
	}
	if len(docs) < 7 {
		t.Errorf("%d READMEs found", len(docs))
	}
	for path := range docs {
		if !linked[path] {
			t.Errorf("no README links to %s", path)
		}
	}
}

// The root's tables of settings, Express and symptoms are in a folder's README too, in the same words, since a renamed
// clone has another root README.
func TestTablesOfTheRootAreInTheFoldersToo(t *testing.T) {
	t.Parallel()
	docs := documents(t, root)
	rows := map[string]bool{}
	for _, d := range docs[1:] {
		for _, row := range d.rows() {
			rows[row] = true
		}
	}
	project := "bin/" + rig.Project(t)
	for _, section := range []struct {
		name string
		rows int
	}{{"Coming from Express", 10}, {"Settings", 5}, {"When something is wrong", 5}} {
		_, text, found := strings.Cut(docs[0].text, "\n## "+section.name+"\n")
		if !found {
			t.Errorf("the README has no section %q", section.name)
			continue
		}
		text, _, _ = strings.Cut(text, "\n## ")
		own := document{text: text}.rows()
		if len(own) < 1+section.rows {
			t.Errorf("%q has %d rows", section.name, len(own))
		}
		for _, row := range own {
			if !rows[row] && !rows[strings.ReplaceAll(row, project, "bin/NAME")] {
				t.Errorf("%q has a row that no folder's README has: %s", section.name, row)
			}
		}
	}
}

// Files, targets of make and exported names in READMEs exist.
func TestNamesInREADMEsExist(t *testing.T) {
	t.Parallel()
	clone := rig.Clone(t)
	env := rig.Stranger(t, t.TempDir(), "CI=1")
	targets := map[string]bool{}
	for _, d := range documents(t, root) {
		for _, span := range append(d.spans(), d.blocks("go")...) {
			if file := repositoryFile.FindString(span); file == span && file != "" && !owners.MatchString(file) {
				found, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(file)))
				if err != nil || len(found) == 0 {
					t.Errorf("%s names %s, which is not there: %v", d.path, file, err)
				}
			}
			if m := makeTarget.FindStringSubmatch(span); m != nil {
				targets[m[1]] = true
			}
			for _, m := range exported.FindAllStringSubmatch(span, -1) {
				if !declares(t, folders[m[1]], m[2]) {
					t.Errorf("%s has %s.%s, and package %[2]s does not", d.path, m[1], m[2])
				}
			}
			if m := kitAlone.FindString(span); m != "" {
				t.Errorf("%s has %s without its package: %s", d.path, m, span)
			}
		}
	}
	if len(targets) < 10 {
		t.Errorf("%d targets of make found", len(targets))
	}
	for target := range targets {
		if out := run(t, clone, env, "make -n "+target); out == "" {
			t.Errorf("make %s does nothing", target)
		}
	}
}

var (
	repositoryFile = regexp.MustCompile(`^(app|handlers|middleware|scripts|tlsconfig|web|\.ci|\.github)/[\w./*-]*$`)
	// owners matches what an owner makes.
	owners     = regexp.MustCompile(`^web/(app|desk|static/app|templates/(admin|partials)|root/\.well-known)\b`)
	makeTarget = regexp.MustCompile(`^make ([a-z0-9]+)`)
	exported   = regexp.MustCompile(`\b(kit|apptest|middleware|tlsconfig|handlers)\.([A-Z]\w*)`)
	// kitAlone matches a function of kit that is written without its package.
	kitAlone = regexp.MustCompile(`(?:^|[^.\w])(?:E|Status|Bind|Stream|Cookie|SetCookie|Healthz|Readyz)\(`)

	folders = map[string]string{
		"kit": "app/kit", "apptest": "app/apptest", "middleware": "middleware", "tlsconfig": "tlsconfig",
		"handlers": "handlers",
	}
)

// declares reports whether a package of the repository declares an exported name.
func declares(t *testing.T, folder, name string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(folder), "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	declaration := regexp.MustCompile(`(?m)^(func|type|var|const) ` + name + `\b|^\t` + name + `\b[^.:(]*=`)
	return slices.ContainsFunc(files, func(file string) bool {
		return !strings.HasSuffix(file, "_test.go") && declaration.Match(rig.Read(t, file))
	})
}

// The limits in the README of middleware are the constants that it names.
func TestLimitsInTheREADMEAreTheConstants(t *testing.T) {
	t.Parallel()
	text := string(rig.Read(t, filepath.Join(root, "middleware", "README.md")))
	rows := regexp.MustCompile("(?m)^\\| .* \\| ([^|]+) \\| `(\\w+)` \\|$").FindAllStringSubmatch(text, -1)
	if len(rows) < 6 {
		t.Fatalf("%d limits found", len(rows))
	}
	for _, row := range rows {
		if got := limit(t, row[2]); got != row[1] {
			t.Errorf("%s is %s, and %s in the README", row[2], got, row[1])
		}
	}
}

// limit returns a constant of the program, in any package, as the README writes it.
func limit(t *testing.T, name string) string {
	t.Helper()
	declaration := regexp.MustCompile(`(?m)^(?:const |\t)` + name + `\s+= ([^/\n]+?)\s*(?://.*)?$`)
	var values []string
	for _, pattern := range []string{"app/*.go", "app/*/*.go", "app/*/*/*.go", "middleware/*.go", "middleware/*/*.go"} {
		files, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(pattern)))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			for _, m := range declaration.FindAllSubmatch(rig.Read(t, file), -1) {
				values = append(values, string(m[1]))
			}
		}
	}
	if len(values) != 1 {
		t.Fatalf("%s is declared as %q", name, values)
	}
	expression, isTime := strings.CutSuffix(values[0], " * time.Second")
	value, err := types.Eval(token.NewFileSet(), nil, token.NoPos, expression)
	if err != nil {
		t.Fatalf("%s = %s: %v", name, values[0], err)
	}
	n, _ := constant.Int64Val(value.Value)
	switch {
	case isTime:
		return fmt.Sprintf("%d s", time.Duration(n))
	case n%(1<<20) == 0:
		return fmt.Sprintf("%d MiB", n>>20)
	case n%(1<<10) == 0:
		return fmt.Sprintf("%d KiB", n>>10)
	}
	return fmt.Sprint(n)
}

// The order in the README of middleware is the one in chain.go.
func TestOrderInTheREADMEIsTheChains(t *testing.T) {
	t.Parallel()
	var listed, mounted []string
	text := string(rig.Read(t, filepath.Join(root, "middleware", "README.md")))
	for _, m := range regexp.MustCompile("(?m)^\\| \\d+ \\| `(\\w+)` \\|").FindAllStringSubmatch(text, -1) {
		listed = append(listed, m[1])
	}
	chain := string(rig.Read(t, filepath.Join(root, "middleware", "chain.go")))
	_, chain, _ = strings.Cut(chain, "return []gin.HandlerFunc{\n")
	chain, _, _ = strings.Cut(chain, "\n\t}\n")
	for _, m := range regexp.MustCompile(`(?m)^\t\t(\w+)\(`).FindAllStringSubmatch(chain, -1) {
		mounted = append(mounted, m[1])
	}
	if len(mounted) < 10 || !slices.Equal(listed, mounted) {
		t.Errorf("the README lists\n%q\nand chain.go mounts\n%q", listed, mounted)
	}
}
