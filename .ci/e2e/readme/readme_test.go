//go:build unix

// Package readme runs every command and loads every block of settings of all READMEs, in a fresh clone with an empty
// home. A command that the package does not know fails the test, so that every command is run.
package readme

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/turnkey/e2e/rig"
)

func TestMain(m *testing.M) { rig.Main(m) }

func TestCommandsInREADMEsWork(t *testing.T) {
	clone := rig.Clone(t)
	https, plain := rig.Port(t), rig.Port(t)
	r := &reader{t: t, clone: clone, https: https}
	r.env = rig.Stranger(t, t.TempDir(), "CI=1", "HTTPS_ADDR="+rig.Loopback(https), "HTTP_ADDR="+rig.Loopback(plain))
	defer r.stop()

	for _, d := range documents(t, clone) {
		for _, line := range d.commands() {
			r.types(d, line)
		}
	}
	r.stop()
	if out := run(t, clone, r.env, "git status --porcelain"); out != "" {
		t.Errorf("the first minutes leave files that git does not ignore:\n%s", out)
	}
	rig.Write(t, filepath.Join("..", "artifacts", "first-run.txt"), r.figures.Bytes(), 0o644)
	t.Log("\n" + r.figures.String())
}

// reader runs the commands of the READMEs in a fresh clone, one after another.
type reader struct {
	t        *testing.T
	clone    string
	env      []string
	https    int
	dev      *exec.Cmd // nil: make dev does not run
	measured bool      // the first two starts of make dev were
	built    bool      // make build was run
	figures  bytes.Buffer
}

var (
	// removal matches the commands that remove an example. Another test runs them.
	removal = regexp.MustCompile(`^(rm|sed) .*\b(notes|connection|account)\b`)
	// elsewhere matches targets that other tests run. CI runs make test itself.
	elsewhere = regexp.MustCompile(`^make (test|trust|untrust|doctor|phone|rehearse|drill|bench)$`)
)

// answers are curl's expected output, by the last element of the address.
var answers = map[string]string{"connection": `"scheme":"https"`, "readyz": `"status":"ready"`}

func (r *reader) types(d document, line string) {
	r.t.Helper()
	command := strings.ReplaceAll(line, "localhost:8443", fmt.Sprintf("localhost:%d", r.https))
	switch {
	case line == "make dev":
		r.serve()
	case strings.HasPrefix(line, "curl --cacert certs/ca.pem"):
		r.serve()
		want, known := answers[path.Base(line)]
		if out := run(r.t, r.clone, r.env, command); !known || !strings.Contains(out, want) {
			r.t.Errorf("%s printed %s, want %s", command, out, want)
		}
	case line == "make build":
		r.build(command)
	case strings.HasPrefix(line, "go run ./scripts/"):
		run(r.t, r.clone, r.env, command)
	case removal.MatchString(line) && d.path == "README.md":
	case strings.Contains(line, "web/app"): // TestAFrontEndOfVite, in another package
	case elsewhere.MatchString(line):
		if out := run(r.t, r.clone, r.env, "make -n "+strings.TrimPrefix(line, "make ")); out == "" {
			r.t.Errorf("%s does nothing", line)
		}
	default:
		r.t.Errorf("%s has a command that nothing runs: %s", d.path, line)
	}
}

// serve runs make dev. The first two starts are measured.
func (r *reader) serve() {
	r.t.Helper()
	if r.dev != nil {
		return
	}
	var took time.Duration
	if !r.measured {
		r.dev, took = serve(r.t, r.clone, r.env, r.https)
		r.figure("fresh clone to the first page, modules and build cached", took.Round(10*time.Millisecond))
		r.stop()
	}
	if r.dev, took = serve(r.t, r.clone, r.env, r.https); !r.measured {
		r.figure("second make dev to the first page", took.Round(10*time.Millisecond))
		r.measured = true
	}
}

func (r *reader) stop() {
	if r.dev != nil {
		syscall.Kill(-r.dev.Process.Pid, syscall.SIGINT)
		r.dev.Wait()
		r.dev = nil
	}
}

// build runs make build once and measures the binaries.
func (r *reader) build(command string) {
	r.t.Helper()
	if r.built {
		return
	}
	r.stop()
	r.built = true
	run(r.t, r.clone, r.env, command)
	name := rig.Project(r.t)
	for _, binary := range []string{name, "doctor"} {
		info, err := os.Stat(filepath.Join(r.clone, "bin", binary))
		if err != nil {
			r.t.Fatal(err)
		}
		r.figure("bin/"+binary+" of make build", fmt.Sprintf("%.1f MB", float64(info.Size())/1e6))
	}
	if out := run(r.t, r.clone, r.env, "bin/doctor -h 2>&1; test $? = 2"); !strings.Contains(out, "https://host") {
		r.t.Errorf("bin/doctor -h printed %s", out)
	}
	begin := time.Now()
	run(r.t, r.clone, r.env, "bin/"+name+" version")
	r.figure("bin/"+name+" version", time.Since(begin).Round(time.Millisecond))
}

func (r *reader) figure(what string, value any) { fmt.Fprintf(&r.figures, "%-57s %v\n", what, value) }

// Every block of settings is accepted. Its only faults here may be files, ports and keys of other machines.
func TestSettingsInREADMEsAreAccepted(t *testing.T) {
	seen := map[string]bool{}
	// A key that is left out, and an address for examples, for which no authority issues.
	fill := strings.NewReplacer("…", "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE", "203.0.113.7", "192.0.43.8")
	for _, d := range documents(t, root) {
		for _, block := range d.blocks("ini") {
			if seen[block] {
				continue
			}
			seen[block] = true
			dir := t.TempDir()
			rig.Write(t, filepath.Join(dir, ".env"), []byte(fill.Replace(block)), 0o600)
			got := rig.Run(t, dir, rig.Env{}, "check")
			for _, m := range regexp.MustCompile(`(?m)^  ([A-Z_.a-z]+)[=:]`).FindAllStringSubmatch(got.Stderr, -1) {
				switch m[1] {
				case "TLS_CERT_FILE", "TLS_CLIENT_CA_FILE", "HTTPS_ADDR", "HTTP_ADDR":
				default:
					t.Errorf("in %s\n%s\nis answered with\n%s", d.path, block, got.Stderr)
				}
			}
		}
	}
	if len(seen) < 7 {
		t.Errorf("%d blocks of settings found, want those of every way to a certificate and of a tunnel", len(seen))
	}
}

// A go.work for editors contains both modules, so that the go command lists two.
func TestWorkspaceDoesNotRenameTheBinary(t *testing.T) {
	clone, name := rig.Clone(t), rig.Project(t)
	rig.Write(t, filepath.Join(clone, "go.work"), []byte("go 1.26.0\n\nuse (\n\t.\n\t./.ci/e2e\n)\n"), 0o644)
	if got := run(t, clone, rig.Stranger(t, t.TempDir(), "CI=1"), "make -n build"); !strings.Contains(got, " -o bin/"+name+" ./app\n") {
		t.Errorf("make build would run\n%s\nwant bin/%s made", got, name)
	}
}

// Helpers

// blocks are the lines of all fenced blocks in a language.
func blocks(text, language string) []string {
	var lines []string
	for _, m := range regexp.MustCompile("(?s)```"+language+"\n(.*?)```").FindAllStringSubmatch(text, -1) {
		for line := range strings.Lines(m[1]) {
			if line = strings.TrimSpace(line); line != "" {
				lines = append(lines, line)
			}
		}
	}
	return lines
}

func run(t *testing.T, dir string, env []string, command string) string {
	t.Helper()
	cmd := exec.Command("sh", "-c", command)
	cmd.Dir, cmd.Env = dir, env
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%s: %v\n%s", command, err, out)
	}
	return string(out)
}

// serve runs make dev until its page is served.
func serve(t *testing.T, dir string, env []string, port int) (*exec.Cmd, time.Duration) {
	t.Helper()
	cmd := exec.Command("make", "dev")
	cmd.Dir, cmd.Env = dir, env
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // make's child has to get the signal too
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	begin := time.Now()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Timeout: time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}}
	for time.Since(begin) < 3*time.Minute {
		resp, err := client.Get(fmt.Sprintf("https://localhost:%d/", port))
		if err == nil {
			body, _ := io.ReadAll(resp.Body)
			resp.Body.Close()
			if resp.StatusCode == 200 && bytes.Contains(body, []byte("</html>")) {
				return cmd, time.Since(begin)
			}
		}
		time.Sleep(5 * time.Millisecond)
	}
	syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	cmd.Wait()
	t.Fatalf("make dev serves no page:\n%s", out.String())
	return nil, 0
}
