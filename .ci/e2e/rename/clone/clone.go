//go:build unix

// Package clone makes projects of the template and runs an owner's commands in them. Every project has an empty home.
// Go's caches are shared, so that no test depends on the network.
package clone

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"fmt"
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

// Template is the template's module path, and Shop that of an owner.
const (
	Template = "example.com/turnkey"
	Shop     = "example.com/you/shop"
)

// Project is an owner's copy of the template, with the environment of its commands.
type Project struct {
	Dir, Home string
	Env       []string
}

// New returns a project without files: its folder does not exist yet.
func New(t *testing.T) *Project {
	t.Helper()
	if is := GoMod(t, Root(t)); is != Template {
		t.Fatalf("the template moved to %s: say so in scripts/rename, and here", is)
	}
	p := &Project{Dir: filepath.Join(t.TempDir(), "clone"), Home: t.TempDir()}
	p.Env = rig.Stranger(t, p.Home, "CI=1", "GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_NAME=You", "GIT_AUTHOR_EMAIL=you@example.com", "GIT_COMMITTER_NAME=You", "GIT_COMMITTER_EMAIL=you@example.com",
		"GIT_CEILING_DIRECTORIES="+filepath.Dir(p.Dir))
	return p
}

// Of clones the repository at from.
func Of(t *testing.T, from string) *Project {
	t.Helper()
	p := New(t)
	if out, err := exec.Command("git", "clone", "-q", from, p.Dir).CombinedOutput(); err != nil {
		t.Fatalf("git clone: %v\n%s", err, out)
	}
	return p
}

// Command returns a command that runs a shell's command line in the project. It is not started.
func (p *Project) Command(line string) *exec.Cmd {
	cmd := exec.Command("sh", "-c", line)
	cmd.Dir, cmd.Env = p.Dir, p.Env
	return cmd
}

// Run runs a command line in a shell. It must succeed.
func (p *Project) Run(t *testing.T, command string) string {
	t.Helper()
	begin := time.Now()
	out, err := p.Command(command).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", command, err, out)
	}
	t.Logf("%6.1f s  %s", time.Since(begin).Seconds(), command)
	return string(out)
}

// Commit commits everything.
func (p *Project) Commit(t *testing.T, message string) {
	t.Helper()
	p.Run(t, "git add -A && git -c maintenance.auto=false commit -qm '"+message+"'")
}

// Replace replaces old in one file of the project, which must contain it.
func (p *Project) Replace(t *testing.T, file, old, new string) {
	t.Helper()
	name := filepath.Join(p.Dir, file)
	text := string(rig.Read(t, name))
	if !strings.Contains(text, old) {
		t.Fatalf("%s has no %q", file, old)
	}
	rig.Write(t, name, []byte(strings.Replace(text, old, new, 1)), 0o644)
}

// Tested vets everything and runs the tests of these packages.
func (p *Project) Tested(t *testing.T, packages string) {
	t.Helper()
	if out := p.Run(t, "gofmt -l ."); out != "" {
		t.Errorf("not as gofmt would have it:\n%s", out)
	}
	p.Run(t, "go vet -tags nomsgpack ./...")
	p.Run(t, "go test -tags nomsgpack "+packages)
}

// Serves runs make dev until the project answers a client that trusts its certificate. It returns the output and the
// body of each path.
func (p *Project) Serves(t *testing.T, paths ...string) (banner string, bodies []string) {
	t.Helper()
	https, plain := rig.Port(t), rig.Port(t)
	cmd := exec.Command("make", "dev")
	cmd.Dir = p.Dir
	cmd.Env = append(p.Env[:len(p.Env):len(p.Env)], "HTTPS_ADDR="+rig.Loopback(https), "HTTP_ADDR="+rig.Loopback(plain))
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // make's child has to get the signal too
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stopped := false
	stop := func(s syscall.Signal) {
		if !stopped {
			stopped = true
			syscall.Kill(-cmd.Process.Pid, s)
			cmd.Wait()
		}
	}
	defer func() {
		stop(syscall.SIGKILL)
		if t.Failed() {
			t.Logf("make dev printed\n%s", out.String())
		}
	}()
	url := fmt.Sprintf("https://localhost:%d", https)
	rig.Eventually(t, 2*time.Minute, "make dev to serve "+url, func() bool {
		visitor, err := p.visitor()
		if err != nil {
			return false
		}
		answer, err := rig.Try(visitor, rig.Request{URL: url + "/readyz"})
		return err == nil && answer.StatusCode == http.StatusOK
	})
	visitor, err := p.visitor()
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		answer := rig.Get(t, visitor, url+path)
		if answer.StatusCode != http.StatusOK {
			t.Errorf("%s answers %s", path, answer.Status)
		}
		bodies = append(bodies, answer.Body)
	}
	stop(syscall.SIGINT)
	return out.String(), bodies
}

// visitor trusts the CA that all projects on this machine share, at its usual place.
func (p *Project) visitor() (*http.Client, error) {
	dir := filepath.Join(p.Home, ".local", "share", "turnkey")
	if _, err := os.Stat(filepath.Join(p.Home, "Library")); err == nil {
		dir = filepath.Join(p.Home, "Library", "Application Support", "turnkey")
	}
	pem, err := os.ReadFile(filepath.Join(dir, "root.pem"))
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	return rig.VisitorWith(&tls.Config{RootCAs: roots}), nil
}

// Root returns the template's own folder.
func Root(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs(filepath.Join("..", "..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// GoMod returns the module path of the project in dir.
func GoMod(t *testing.T, dir string) string {
	t.Helper()
	m := regexp.MustCompile(`(?m)^module (\S+)$`).FindSubmatch(rig.Read(t, filepath.Join(dir, "go.mod")))
	if m == nil {
		t.Fatalf("%s/go.mod names no module", dir)
	}
	return string(m[1])
}
