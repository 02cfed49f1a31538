package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// What holds for the template's own handlers, and may be otherwise in a clone.

func TestTheBinaryLinksNothingOfTheScripts(t *testing.T) {
	t.Parallel()
	for _, pkg := range linked(t, "-deps", ".") {
		for _, never := range []string{"/scripts/", "/fsnotify", "/qrterminal", "rsc.io/qr", "miekg/dns", "/dnsmessage"} {
			if strings.Contains(pkg, never) && !strings.HasPrefix(pkg, "vendor/") {
				t.Errorf("the server links %s", pkg)
			}
		}
	}
}

func TestHandlersAskNeitherTLSNorWeb(t *testing.T) {
	t.Parallel()
	for _, pkg := range linked(t, "-f", `{{join .Imports "\n"}}`, "../handlers") {
		for _, never := range []string{"/tlsconfig", "/web", "/app", "/acme/autocert"} {
			if strings.HasSuffix(pkg, never) {
				t.Errorf("handlers imports %s", pkg)
			}
		}
	}
}

// gin's Run, RunTLS and their kin serve without timeouts, TLS settings or a way to stop.
func TestNoHandlerCallsGinsOwnRun(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../handlers/*.go")
	if err != nil || len(files) < 10 {
		t.Fatalf("%d files: %v", len(files), err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if at := ginsRun.FindString(string(data)); at != "" {
			t.Errorf("%s calls %s…)", file, at)
		}
	}
}

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
