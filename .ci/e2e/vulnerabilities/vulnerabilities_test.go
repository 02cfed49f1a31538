// Package vulnerabilities tests CI's check for known vulnerabilities, with the real scanner and a database with one old
// module.
package vulnerabilities

import (
	"bytes"
	"compress/gzip"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"example.com/turnkey/e2e/rig"
)

// database has the files that the scanner reads (https://go.dev/security/vuln/database), with one entry, the real
// GO-2021-0113.
var database = map[string]string{
	"/index/db.json.gz":      `{"modified":"2026-01-01T00:00:00Z"}`,
	"/index/modules.json.gz": `[{"path":"golang.org/x/text","vulns":[{"id":"GO-2021-0113","modified":"2026-01-01T00:00:00Z","fixed":"0.3.7"}]}]`,
	"/ID/GO-2021-0113.json.gz": `{"schema_version":"1.3.1","id":"GO-2021-0113","modified":"2026-01-01T00:00:00Z","published":"2021-10-06T17:51:21Z",
		"summary":"Out-of-bounds read in golang.org/x/text/language",
		"affected":[{"package":{"name":"golang.org/x/text","ecosystem":"Go"},
			"ranges":[{"type":"SEMVER","events":[{"introduced":"0"},{"fixed":"0.3.7"}]}],
			"ecosystem_specific":{"imports":[{"path":"golang.org/x/text/language","symbols":["Parse"]}]}}],
		"database_specific":{"url":"https://pkg.go.dev/vuln/GO-2021-0113"}}`,
}

const program = `package main

import "golang.org/x/text/language"

func main() { println(language.MustParse("en").String()); _, _ = language.Parse("de") }
`

func TestVulnerableModuleFailsTheCheck(t *testing.T) {
	t.Parallel()
	for version, wants := range map[string]struct {
		fails bool
		says  []string
	}{
		"v0.3.5": {true, []string{"GO-2021-0113", "golang.org/x/text@v0.3.7"}},
		"v0.3.8": {false, []string{"No vulnerabilities found"}},
	} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			out, err := check(t, planted(t, version), serve(t, database))
			if failed := err != nil; failed != wants.fails {
				t.Errorf("the check failed: %v, want %v\n%s", failed, wants.fails, out)
			}
			for _, want := range wants.says {
				if !strings.Contains(out, want) {
					t.Errorf("it does not say %q:\n%s", want, out)
				}
			}
		})
	}
}

func TestUnreachableDatabaseIsReported(t *testing.T) {
	t.Parallel()
	out, err := check(t, planted(t, "v0.3.5"), "http://"+rig.Loopback(rig.Port(t)))
	if err != nil || !strings.Contains(out, "NOT CHECKED") {
		t.Errorf("it ended with %v and said:\n%s", err, out)
	}
}

func TestBrokenDatabaseFailsTheCheck(t *testing.T) {
	t.Parallel()
	out, err := check(t, planted(t, "v0.3.5"), serve(t, map[string]string{"/index/modules.json.gz": "<html>"}))
	if err == nil {
		t.Errorf("the check passed:\n%s", out)
	}
}

// Helpers

func serve(t *testing.T, files map[string]string) (url string) {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, ok := files[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		var packed bytes.Buffer
		z := gzip.NewWriter(&packed)
		z.Write([]byte(text))
		z.Close()
		w.Write(packed.Bytes())
	}))
	t.Cleanup(srv.Close)
	return srv.URL
}

// planted is a module that calls the vulnerable function of golang.org/x/text.
func planted(t *testing.T, version string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	rig.Write(t, filepath.Join(dir, "go.mod"), []byte("module example.com/planted\n\ngo 1.26.0\n\nrequire golang.org/x/text "+version+"\n"), 0o644)
	rig.Write(t, filepath.Join(dir, "main.go"), []byte(program), 0o644)
	cmd := exec.Command("go", "mod", "tidy")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go mod tidy: %v\n%s", err, out)
	}
	return dir
}

func check(t *testing.T, module, database string) (out string, err error) {
	t.Helper()
	script, err := filepath.Abs(filepath.Join("..", "..", "vulnerabilities"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("bash", script, module)
	cmd.Env = append(os.Environ(), "VULNDB="+database)
	text, err := cmd.CombinedOutput()
	return string(text), err
}
