package command_test

import (
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// These tests hold for the template's own handlers. An owner's may differ.

func TestBinaryLinksNoScripts(t *testing.T) {
	t.Parallel()
	for _, pkg := range linked(t, "-deps", "../../../app") {
		for _, never := range []string{"/scripts/", "/fsnotify", "/qrterminal", "rsc.io/qr", "miekg/dns", "/dnsmessage"} {
			if strings.Contains(pkg, never) && !strings.HasPrefix(pkg, "vendor/") {
				t.Errorf("the server links %s", pkg)
			}
		}
	}
}

// Handlers import neither tlsconfig nor web. site.go names both for the program.
func TestHandlersImportNeitherTLSConfigNorWeb(t *testing.T) {
	t.Parallel()
	for _, name := range handlerFiles(t) {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, imp := range file.Imports {
			path := strings.Trim(imp.Path.Value, `"`)
			for _, never := range []string{"/tlsconfig", "/web"} {
				if strings.HasSuffix(path, never) && filepath.Base(name) != "site.go" {
					t.Errorf("%s imports %s", name, path)
				}
			}
			for _, never := range []string{"/app", "/app/settings", "/acme/autocert"} {
				if strings.HasSuffix(path, never) {
					t.Errorf("%s imports %s", name, path)
				}
			}
		}
	}
}

// gin's Run, RunTLS and similar methods serve without timeouts, TLS settings or a way to stop.
func TestHandlersDoNotCallGinsRun(t *testing.T) {
	t.Parallel()
	for _, file := range handlerFiles(t) {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if at := servesAlone.FindString(string(data)); at != "" {
			t.Errorf("%s calls %s…)", file, at)
		}
	}
}

var servesAlone = regexp.MustCompile(`\b(r|router|engine)\.Run(TLS|Unix|Fd|QUIC|Listener)?\(`)

func handlerFiles(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("../../../handlers/*.go")
	if err != nil || len(files) < 10 {
		t.Fatalf("%d files: %v", len(files), err)
	}
	return files
}

// linked returns the lines that go list prints.
func linked(t *testing.T, args ...string) []string {
	t.Helper()
	out, err := exec.Command("go", append([]string{"list", "-tags", "nomsgpack"}, args...)...).Output()
	if err != nil {
		t.Fatal(err)
	}
	packages := strings.Fields(string(out))
	if len(packages) < 5 {
		t.Fatalf("go list tells of %q", packages)
	}
	return packages
}
