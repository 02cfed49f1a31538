//go:build unix

// Package rename makes projects of the template, in each way that the README names, and then an upgrade. Every project is
// a folder of its own with an empty home; caches of Go are shared, so that the network is not what is tested.
package rename

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

const (
	template = "example.com/turnkey"
	shop     = "example.com/you/shop"
)

// project is somebody's copy of the template.
type project struct {
	dir, home string
	env       []string
}

// newProject is a project in an empty folder that clones of the template and their like go to.
func newProject(t *testing.T) *project {
	t.Helper()
	if is := goMod(t, root(t)); is != template {
		t.Fatalf("the template moved to %s: say so in scripts/rename, and here", is)
	}
	p := &project{dir: filepath.Join(t.TempDir(), "clone"), home: t.TempDir()}
	p.env = rig.Stranger(t, p.home, "CI=1", "GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_NAME=You", "GIT_AUTHOR_EMAIL=you@example.com", "GIT_COMMITTER_NAME=You", "GIT_COMMITTER_EMAIL=you@example.com",
		"GIT_CEILING_DIRECTORIES="+filepath.Dir(p.dir))
	return p
}

func clone(t *testing.T, from string) *project {
	t.Helper()
	p := newProject(t)
	if out, err := exec.Command("git", "clone", "-q", from, p.dir).CombinedOutput(); err != nil {
		t.Fatalf("git clone: %v\n%s", err, out)
	}
	return p
}

// run runs a command line as a shell does; it must succeed.
func (p *project) run(t *testing.T, command string) string {
	t.Helper()
	begin := time.Now()
	cmd := exec.Command("sh", "-c", command)
	cmd.Dir, cmd.Env = p.dir, p.env
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", command, err, out)
	}
	t.Logf("%6.1f s  %s", time.Since(begin).Seconds(), command)
	return string(out)
}

func (p *project) commit(t *testing.T, message string) {
	t.Helper()
	p.run(t, "git add -A && git -c maintenance.auto=false commit -qm '"+message+"'")
}

// replace changes one file of the project; old must be there.
func (p *project) replace(t *testing.T, file, old, new string) {
	t.Helper()
	name := filepath.Join(p.dir, file)
	text := string(rig.Read(t, name))
	if !strings.Contains(text, old) {
		t.Fatalf("%s has no %q", file, old)
	}
	rig.Write(t, name, []byte(strings.Replace(text, old, new, 1)), 0o644)
}

// tested vets everything and runs the tests of these packages.
func (p *project) tested(t *testing.T, packages string) {
	t.Helper()
	if out := p.run(t, "gofmt -l ."); out != "" {
		t.Errorf("not as gofmt would have it:\n%s", out)
	}
	p.run(t, "go vet -tags nomsgpack ./...")
	p.run(t, "go test -tags nomsgpack "+packages)
}

// serves runs make dev until the project answers a visitor who trusts its certificate, and returns what was printed and
// what each of paths says.
func (p *project) serves(t *testing.T, paths ...string) (banner string, bodies []string) {
	t.Helper()
	https, plain := rig.Port(t), rig.Port(t)
	cmd := exec.Command("make", "dev")
	cmd.Dir = p.dir
	cmd.Env = append(p.env[:len(p.env):len(p.env)], "HTTPS_ADDR="+rig.Loopback(https), "HTTP_ADDR="+rig.Loopback(plain))
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

// visitor trusts the CA that every project on this machine shares, where it has always been.
func (p *project) visitor() (*http.Client, error) {
	dir := filepath.Join(p.home, ".local", "share", "turnkey")
	if _, err := os.Stat(filepath.Join(p.home, "Library")); err == nil {
		dir = filepath.Join(p.home, "Library", "Application Support", "turnkey")
	}
	pem, err := os.ReadFile(filepath.Join(dir, "root.pem"))
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	return rig.VisitorWith(&tls.Config{RootCAs: roots}), nil
}

// keepers may say the template's name in a project of another name: rooms as upgrades bring them, what belongs to the
// CA that all projects share, where upgrades come from, and tests, which are run.
var keepers = regexp.MustCompile(`^(LICENSE|middleware/|tlsconfig/|scripts/internal/truststore/|scripts/rename/)|_test\.go$`)

var keeperLines = regexp.MustCompile(`\.local/share\}?/turnkey|[/@]example\.com/turnkey|turnkey-doctor`)

// leftovers are the lines that still say the template's name, and should not.
func (p *project) leftovers(t *testing.T) []string {
	t.Helper()
	var out []string
	looked := 0
	err := filepath.WalkDir(p.dir, func(name string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		file, _ := filepath.Rel(p.dir, name)
		switch {
		case d.IsDir() && (file == ".git" || file == "bin" || file == "certs" || file == ".before-rename"):
			return filepath.SkipDir
		case strings.Contains(strings.ToLower(d.Name()), "turnkey") && !keepers.MatchString(file):
			out = append(out, file+" (its name)")
		case !d.IsDir():
			looked++
			n := 0
			for line := range strings.Lines(string(rig.Read(t, name))) {
				n++
				imports := strings.Contains(line, `"example.com/turnkey/`) && !strings.HasPrefix(file, "scripts/rename/")
				named := strings.Contains(strings.ToLower(line), "turnkey") && !keepers.MatchString(file) && !keeperLines.MatchString(line)
				if imports || named {
					out = append(out, fmt.Sprintf("%s:%d: %s", file, n, strings.TrimSpace(line)))
				}
			}
		}
		return nil
	})
	if err != nil || looked < 100 {
		t.Fatalf("%d files were looked at: %v", looked, err)
	}
	return out
}

// Helpers

func root(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs(filepath.Join("..", "..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func goMod(t *testing.T, dir string) string {
	t.Helper()
	m := regexp.MustCompile(`(?m)^module (\S+)$`).FindSubmatch(rig.Read(t, filepath.Join(dir, "go.mod")))
	if m == nil {
		t.Fatalf("%s/go.mod names no module", dir)
	}
	return string(m[1])
}
