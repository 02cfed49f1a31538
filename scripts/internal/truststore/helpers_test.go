package truststore

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// TestMain makes the test binary an Executable for Host.
func TestMain(m *testing.M) {
	ServeVerify(os.Args, os.Stdin)
	os.Exit(m.Run())
}

// home is a user's home directory with a CA, and the host that sees it.
type home struct {
	dir, caDir string
	host       *Host
	root       *Root
	said       []string
}

func newHome(t *testing.T) *home {
	t.Helper()
	h := &home{dir: t.TempDir()}
	h.caDir = filepath.Join(h.dir, ".local", "share", "turnkey")
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	env := map[string]string{"HOME": h.dir}
	h.host = &Host{OS: "linux", UID: 1000, Executable: exe,
		Getenv: func(name string) string { return env[name] },
		Say:    func(line string) { h.said = append(h.said, line) }}
	if h.root, err = OpenRoot(h.caDir, false); err != nil {
		t.Fatal(err)
	}
	return h
}

func needLinux(t *testing.T) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("macOS and Windows have no such stores")
	}
}

// needCertutil skips on a machine without NSS's tools, except in CI, where this must be tested.
func needCertutil(t *testing.T) {
	t.Helper()
	needLinux(t)
	if installed("certutil") {
		return
	}
	if os.Getenv("CI") != "" {
		t.Fatal("certutil is not installed: apt install libnss3-tools")
	}
	t.Skip("certutil is not installed (Debian: libnss3-tools, Fedora: nss-tools)")
}

func certutil(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.Command("certutil", args...).CombinedOutput()
	if err != nil {
		t.Fatalf("certutil %q: %v: %s", args, err, out)
	}
	return string(out)
}

// newDB makes a database as a browser does.
func (h *home) newDB(t *testing.T, rel string) (dir string) {
	t.Helper()
	dir = h.mkdir(t, rel)
	certutil(t, "-N", "--empty-password", "-d", "sql:"+dir)
	return dir
}

func (h *home) mkdir(t *testing.T, rel string) string {
	t.Helper()
	dir := filepath.Join(h.dir, rel)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	return dir
}

func (h *home) write(t *testing.T, rel, content string) {
	t.Helper()
	h.mkdir(t, filepath.Dir(rel))
	if err := os.WriteFile(filepath.Join(h.dir, rel), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// run trusts or untrusts the user's stores and returns their rows by place.
func (h *home) run(t *testing.T, do func(*home, []Store) []Row) map[string]Row {
	t.Helper()
	stores, err := Detect(t.Context(), h.host, h.caDir, h.root)
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]Row{}
	for _, row := range do(h, stores) {
		rows[row.Where] = row
	}
	return rows
}

func (h *home) trust(t *testing.T) map[string]Row {
	return h.run(t, func(h *home, s []Store) []Row { return Trust(t.Context(), h.host, s, false) })
}

// untrust has no root at hand, as the command has not.
func (h *home) untrust(t *testing.T) map[string]Row {
	root := h.root
	h.root = nil
	defer func() { h.root = root }()
	return h.run(t, func(h *home, s []Store) []Row { return Untrust(t.Context(), h.host, s, false) })
}

// tree is every file below the home directory, with its kind, its mode and what is in it.
func (h *home) tree(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(h.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		var data []byte
		if info.Mode().IsRegular() {
			if data, err = os.ReadFile(path); err != nil {
				return err
			}
		}
		fmt.Fprintf(&b, "%s %s %x\n", strings.TrimPrefix(path, h.dir), info.Mode(), sha256.Sum256(data))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func (h *home) mustEqual(t *testing.T, before string) {
	t.Helper()
	if after := h.tree(t); after != before {
		t.Errorf("the home directory is not what it was\nbefore:\n%s\nafter:\n%s", before, after)
	}
}
