//go:build unix

package clone

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"example.com/turnkey/e2e/rig"
)

// Live is a project's built program on a server: in production, as shop.test, with a certificate of a CA of the test's.
type Live struct {
	CA    *rig.CA
	Root  string    // the CA's root, a file
	HTTPS int       // the port
	Sites rig.Sites // for browsers

	bin, dir string
	env      []string
}

// Deploy returns the program of make build with a folder of its own, which is kept from one start to the next. env are
// settings.
func (p *Project) Deploy(t *testing.T, env ...string) *Live {
	t.Helper()
	dir := t.TempDir()
	l := &Live{CA: rig.NewCA(t, "root of the tests"), HTTPS: rig.Port(t), dir: dir}
	l.Root = filepath.Join(dir, "root.pem")
	l.bin = filepath.Join(p.Dir, "bin", filepath.Base(GoMod(t, p.Dir)))
	l.Sites = rig.Sites{"shop.test:443": rig.Loopback(l.HTTPS)}
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	rig.Write(t, l.Root, l.CA.RootPEM(), 0o644)
	l.CA.Issue(t, rig.Leaf{Names: []string{"shop.test"}}).Write(t, cert, key)
	l.env = append([]string{"ENV=prod", "DOMAINS=shop.test",
		"TLS_MODE=files", "TLS_CERT_FILE=" + cert, "TLS_KEY_FILE=" + key,
		"HTTPS_ADDR=" + rig.Loopback(l.HTTPS), "HTTP_ADDR=" + rig.Loopback(rig.Port(t))}, env...)
	return l
}

// Start returns once the program serves. Settings in env replace those of Deploy.
func (l *Live) Start(t *testing.T, env ...string) *rig.Process {
	t.Helper()
	s := rig.Spawn(t, rig.Command{Path: l.bin, Dir: l.dir, Env: append(l.env[:len(l.env):len(l.env)], env...)})
	s.WaitForPort(t, rig.Loopback(l.HTTPS))
	return s
}

// Run runs a command of the program, which must succeed, and returns what it printed.
func (l *Live) Run(t *testing.T, args ...string) string {
	t.Helper()
	got := rig.Spawn(t, rig.Command{Path: l.bin, Args: args, Dir: l.dir, Env: l.env}).Finish(t, 20*time.Second)
	if got.ExitCode != 0 {
		t.Fatalf("%s ended with %d:\n%s%s", strings.Join(args, " "), got.ExitCode, got.Stdout, got.Stderr)
	}
	return got.Stdout
}
