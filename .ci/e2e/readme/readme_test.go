//go:build unix

// Package readme does what the README says, in a fresh clone with an empty home: every command in it, every block of
// settings. A command that is not known here fails the test, so that none goes unrun.
package readme

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/turnkey/e2e/rig"
)

func TestMain(m *testing.M) { rig.Main(m) }

func TestTheREADMEHolds(t *testing.T) {
	clone := rig.Clone(t)
	text := string(rig.Read(t, filepath.Join(clone, "README.md")))
	https, plain := rig.Port(t), rig.Port(t)
	env := append(rig.Stranger(t, t.TempDir(), "CI=1"), "HTTPS_ADDR="+rig.Loopback(https), "HTTP_ADDR="+rig.Loopback(plain))

	var figures bytes.Buffer
	var dev *exec.Cmd
	stop := func() {
		if dev != nil {
			syscall.Kill(-dev.Process.Pid, syscall.SIGINT)
			dev.Wait()
			dev = nil
		}
	}
	defer stop()
	for _, line := range blocks(text, "sh") {
		command := strings.ReplaceAll(line, "localhost:8443", fmt.Sprintf("localhost:%d", https))
		switch {
		case line == "make dev":
			var took time.Duration
			dev, took = serve(t, clone, env, https)
			fmt.Fprintf(&figures, "fresh clone to the first page, modules and build cached   %s\n", took.Round(10*time.Millisecond))
			stop()
			dev, took = serve(t, clone, env, https)
			fmt.Fprintf(&figures, "second make dev to the first page                         %s\n", took.Round(10*time.Millisecond))
		case strings.HasPrefix(line, "curl --cacert certs/ca.pem"):
			if out := run(t, clone, env, command); !strings.Contains(out, `"scheme":"https"`) {
				t.Errorf("%s printed %s", command, out)
			}
		case line == "make build":
			stop()
			run(t, clone, env, command)
			info, err := os.Stat(filepath.Join(clone, "bin", "turnkey"))
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&figures, "binary of make build                                      %.1f MB\n", float64(info.Size())/1e6)
			if out := run(t, clone, env, "bin/doctor -h 2>&1; test $? = 2"); !strings.Contains(out, "https://host") {
				t.Errorf("bin/doctor -h printed %s", out)
			}
			begin := time.Now()
			run(t, clone, env, "bin/turnkey version")
			fmt.Fprintf(&figures, "bin/turnkey version                                       %s\n", time.Since(begin).Round(time.Millisecond))
		case strings.HasPrefix(line, "go run ./scripts/"):
			run(t, clone, env, command)
		case removal.MatchString(line): // TestTheExamplesAreRemovedByTwoCommandsEach
		case line == "make test", line == "make trust", line == "make untrust", line == "make doctor", line == "make drill", line == "make bench":
			// make test is what CI runs beside this; the others have tests and targets of their own.
			if out := run(t, clone, env, "make -n "+strings.TrimPrefix(line, "make ")); out == "" {
				t.Errorf("%s does nothing", line)
			}
		default:
			t.Errorf("the README has a command that nothing runs: %s", line)
		}
	}
	stop()
	if out := run(t, clone, env, "git status --porcelain"); out != "" {
		t.Errorf("the first minutes leave files that git does not ignore:\n%s", out)
	}
	rig.Write(t, filepath.Join("..", "artifacts", "first-run.txt"), figures.Bytes(), 0o644)
	t.Log("\n" + figures.String())
}

// Every block of settings is understood: what is wrong with it here can only be files, ports and keys of other machines.
func TestTheREADMEsSettingsAreUnderstood(t *testing.T) {
	text := string(rig.Read(t, filepath.Join("..", "..", "..", "README.md")))
	count := 0
	for _, block := range regexp.MustCompile("(?s)```ini\n(.*?)```").FindAllStringSubmatch(text, -1) {
		count++
		dir := t.TempDir()
		rig.Write(t, filepath.Join(dir, ".env"), []byte(strings.ReplaceAll(block[1], "…", "Zm9vYmFy")), 0o600)
		got := rig.Run(t, dir, rig.Env{}, "check")
		for _, m := range regexp.MustCompile(`(?m)^  ([A-Z_.a-z]+)[=:]`).FindAllStringSubmatch(got.Stderr, -1) {
			switch m[1] {
			case "TLS_CERT_FILE", "TLS_CLIENT_CA_FILE", "HTTPS_ADDR", "HTTP_ADDR":
			default:
				t.Errorf("%s\nis answered with\n%s", block[1], got.Stderr)
			}
		}
	}
	if count < 6 {
		t.Errorf("%d blocks of settings found, want those of every way to have a certificate", count)
	}
}

// An editor that is to know both modules has a go.work around them, in which the go command lists two.
func TestAWorkspaceLeavesTheBinaryItsName(t *testing.T) {
	clone, name := rig.Clone(t), rig.Project(t)
	rig.Write(t, filepath.Join(clone, "go.work"), []byte("go 1.26.0\n\nuse (\n\t.\n\t./.ci/e2e\n)\n"), 0o644)
	if got := run(t, clone, rig.Stranger(t, t.TempDir(), "CI=1"), "make -n build"); !strings.Contains(got, " -o bin/"+name+" ./app\n") {
		t.Errorf("make build would run\n%s\nwant bin/%s made", got, name)
	}
}

// Helpers

// removal is a line that removes an example.
var removal = regexp.MustCompile(`^(rm|sed) .*(notes|connection)`)

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

// serve runs make dev until its page is there.
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
