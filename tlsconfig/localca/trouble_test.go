package localca

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/turnkey/tlsconfig/osfile"
)

// newProject makes a directory with a source file, like that of a project that was just cloned.
func newProject(t *testing.T) (dir string, req Request) {
	t.Helper()
	dir = t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "go.mod"), []byte("module shop\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir, request(dir)
}

// caFrom puts a CA into dir that is valid from begin.
func caFrom(t *testing.T, dir string, begin time.Time) *CA {
	t.Helper()
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	rootKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(err)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(err)
	rootTemplate, template := caTemplate("root", rootKey, 1, false), caTemplate("intermediate", key, 0, false)
	rootTemplate.NotBefore, template.NotBefore = begin, begin
	root, err := sign(rootTemplate, nil, rootKey.Public(), rootKey)
	check(err)
	issuer, err := sign(template, root, key.Public(), rootKey)
	check(err)
	ca := &CA{root, issuer, key}
	data, err := ca.marshal()
	check(err)
	check(os.MkdirAll(dir, 0o700))
	check(osfile.Write(filepath.Join(dir, issuerFile), data, 0o600))
	return ca
}

// If the clock is behind, the developer must not lose the CA that the browsers trust.
func TestCAIsKeptWhileTheClockIsBehind(t *testing.T) {
	t.Parallel()
	dir, req := newProject(t)
	future := time.Now().Add(72 * time.Hour)
	old := caFrom(t, req.CADir, future.Add(-backdate))
	if err := os.Chtimes(filepath.Join(dir, "go.mod"), future, future); err != nil {
		t.Fatal(err)
	}
	res := ensure(t, req)
	if res.MadeCA || !old.Issued(res.Leaf) || time.Now().Before(res.Leaf.NotBefore) {
		t.Errorf("got %+v, want a leaf of the old CA that is valid now", res)
	}
	got := strings.Join(res.Alarms, "\n")
	for _, want := range []string{"your clock says " + time.Now().Format("2006-01-02"),
		"go.mod is of " + future.Format("2006-01-02"), "set the clock: "} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in %q", want, got)
		}
	}
}

func TestCAOfAFastClockIsReplaced(t *testing.T) {
	t.Parallel()
	_, req := newProject(t)
	old := caFrom(t, req.CADir, time.Now().Add(72*time.Hour))
	res := ensure(t, req)
	if !res.MadeCA || old.Issued(res.Leaf) || len(res.Alarms) > 0 {
		t.Errorf("got %+v, want a new CA: nothing says that the clock is wrong", res)
	}
	if got := strings.Join(res.Lines(req), "\n"); !strings.Contains(got, "not valid yet") ||
		!strings.Contains(got, "make trust") {
		t.Errorf("the lines do not say why, and what to do:\n%s", got)
	}
	if _, err := os.Stat(filepath.Join(req.CADir, issuerFile+".bad")); err != nil {
		t.Error(err)
	}
}

func TestALeafFromTheFutureIsRemade(t *testing.T) {
	t.Parallel()
	_, req := newProject(t)
	ensure(t, req)
	ca, _, err := Open(req.CADir)
	if err != nil {
		t.Fatal(err)
	}
	key, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	template := &x509.Certificate{SerialNumber: serial(), DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(72 * time.Hour), NotAfter: time.Now().Add(leafLifetime)}
	leaf, err := sign(template, ca.issuer, key.Public(), ca.key)
	if err != nil {
		t.Fatal(err)
	}
	keyPEM, _ := marshalKey(key)
	os.WriteFile(req.CertFile, certPEM(leaf), 0o644)
	os.WriteFile(req.KeyFile, keyPEM, 0o600)
	if res := ensure(t, req); !strings.Contains(res.Why, "not valid yet") || time.Now().Before(res.Leaf.NotBefore) {
		t.Errorf("got %+v, want a leaf that is valid now", res)
	}
}

func TestClockIsReportedOnlyIfBehindTheFiles(t *testing.T) {
	t.Parallel()
	dir, _ := newProject(t)
	if got := clockBehind(time.Now(), dir); got != "" {
		t.Errorf("a right clock is doubted: %s", got)
	}
	if got := clockBehind(time.Now().Add(-72*time.Hour), dir); !strings.Contains(got, "your clock says") ||
		!strings.Contains(got, ClockFix()) {
		t.Errorf("a clock three days behind the files got %q", got)
	}
}

func TestKeyInGitIsReplacedAndReported(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("no git here")
	}
	dir, req := newProject(t)
	git := func(args ...string) {
		t.Helper()
		cmd := exec.Command("git", append([]string{"-C", dir, "-c", "user.name=x", "-c", "user.email=x@x.test"},
			args...)...)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	git("init", "-q")
	first := ensure(t, req)
	if len(first.Alarms) > 0 {
		t.Errorf("a key that git does not know: %v", first.Alarms)
	}
	git("add", "-f", "certs/key.pem")
	if staged := ensure(t, req); staged.Why != "git has its key" {
		t.Errorf("a staged key serves on: %+v", staged)
	}
	git("rm", "-q", "--cached", "-f", "certs/key.pem") // the command from the message; git refuses here without -f
	git("add", "-f", "certs/key.pem")
	git("commit", "-qm", "oops")
	second := ensure(t, req)
	if second.Why != "git has its key" {
		t.Errorf("the key in git serves on: %+v", second)
	}
	if got := strings.Join(second.Alarms, "\n"); !strings.Contains(got, "git rm --cached -f "+req.KeyFile) {
		t.Errorf("got %q, want the command that takes it out", got)
	}
	third := ensure(t, req) // git does not have the new key, though it still tracks the file
	if third.Why != "" || len(third.Alarms) != 1 {
		t.Errorf("got %+v, want the fresh pair kept and the alarm again", third)
	}
	git("rm", "-q", "--cached", "certs/key.pem")
	if fourth := ensure(t, req); len(fourth.Alarms) > 0 || fourth.Why != "" {
		t.Errorf("untracked again, and got %+v", fourth)
	}
}

func TestCAStaysInMemoryWithoutAWritableFolder(t *testing.T) {
	t.Parallel()
	req := request(t.TempDir())
	if err := os.WriteFile(req.CADir, nil, 0o600); err != nil { // a file in its place stops root as well
		t.Fatal(err)
	}
	if _, err := Ensure(req); err == nil {
		t.Error("a CA was kept where a file is in its place")
	}
	for dir, free := range map[string]bool{req.CADir: false, Unconstrained(filepath.Join(req.CADir, "x")): true} {
		if ca, saved, err := OpenAnyway(dir); err != nil || saved || !ca.Permits("localhost") ||
			ca.Permits("example.com") != free {
			t.Errorf("%s: got %v, %v, want a CA of its kind in memory", dir, saved, err)
		}
	}
}

func TestTwoProcessesAtOnceMakeOnePair(t *testing.T) {
	const helper = "TURNKEY_TEST_ENSURE_IN"
	if dir := os.Getenv(helper); dir != "" {
		res := ensure(t, request(dir))
		fmt.Printf("leaf %s made %v ca %v\n", res.Leaf.SerialNumber, res.Why != "", res.MadeCA)
		return
	}
	t.Parallel()
	dir := t.TempDir()
	var children []*exec.Cmd
	var outs []*bytes.Buffer
	for range 4 {
		cmd := exec.Command(os.Args[0], "-test.run=^TestTwoProcessesAtOnceMakeOnePair$")
		out := &bytes.Buffer{}
		cmd.Env, cmd.Stdout, cmd.Stderr = append(os.Environ(), helper+"="+dir), out, out
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		children, outs = append(children, cmd), append(outs, out)
	}
	leaves, pairs, cas := map[string]bool{}, 0, 0
	for i, cmd := range children {
		if err := cmd.Wait(); err != nil {
			t.Errorf("%v\n%s", err, outs[i])
		}
		var leaf string
		var made, madeCA bool
		fmt.Sscanf(outs[i].String(), "leaf %s made %t ca %t", &leaf, &made, &madeCA)
		leaves[leaf] = true
		if made {
			pairs++
		}
		if madeCA {
			cas++
		}
	}
	if len(leaves) != 1 || pairs != 1 || cas != 1 {
		t.Errorf("%d certificates, %d made a pair and %d a CA, want one of each", len(leaves), pairs, cas)
	}
}

func TestSudoLeavesNoFilesOfRoot(t *testing.T) {
	t.Parallel()
	nobody, err := user.Lookup("nobody")
	if os.Getuid() != 0 || err != nil {
		t.Skip("only root can run as by sudo")
	}
	env := func(pairs ...string) func(string) string {
		return func(name string) string {
			if i := slices.Index(pairs, name); i >= 0 {
				return pairs[i+1]
			}
			return ""
		}
	}
	dir, err := Dir(env("SUDO_USER", "nobody", "HOME", "/root", "XDG_DATA_HOME", "/root/.local/share"))
	if err != nil || !strings.HasPrefix(dir, nobody.HomeDir) {
		t.Errorf("by sudo the CA is in %s (%v), want it in %s", dir, err, nobody.HomeDir)
	}
	if by := Invoker(env("SUDO_USER", "root")); by != nil {
		t.Errorf("root's own sudo is by %+v", by)
	}
	owner := Invoker(env("DOAS_USER", "nobody"))
	if owner == nil {
		t.Fatal("doas is not seen")
	}
	base := t.TempDir()
	req := request(filepath.Join(base, "a", "b"))
	req.Owner = owner
	ensure(t, req)
	os.WriteFile(req.CertFile, []byte("corrupt"), 0o644)
	ensure(t, req)
	seen := 0
	filepath.WalkDir(filepath.Join(base, "a"), func(path string, d os.DirEntry, err error) error {
		seen++
		if uid := uidOf(t, path); uid != owner.UID {
			t.Errorf("%s belongs to %d, want %d", path, uid, owner.UID)
		}
		return nil
	})
	if seen < 10 {
		t.Errorf("only %d files looked at", seen)
	}
}

func TestUnconstrainedCAIsSeparate(t *testing.T) {
	t.Parallel()
	env := func(pairs map[string]string) func(string) string {
		return func(name string) string { return pairs[name] }
	}
	home := map[string]string{"HOME": "/home/dev", "LocalAppData": `C:\dev`}
	normal, _ := Dir(env(home))
	home["DEV_CA_CONSTRAINTS"] = "off"
	free, _ := Dir(env(home))
	if free != Unconstrained(normal) || free == normal {
		t.Errorf("the two CAs live in %s and %s", normal, free)
	}

	dir := t.TempDir()
	req := request(dir, "shop.example.com", "8.8.8.8")
	constrained := ensure(t, req)
	req.CADir = Unconstrained(req.CADir)
	res := ensure(t, req)
	if !res.MadeCA || len(res.Skipped) > 0 || !strings.Contains(strings.Join(res.Lines(req), "\n"), "any site") {
		t.Errorf("got %+v and lines %q, want a CA for every name that says so", res, res.Lines(req))
	}
	ca, _, err := Open(req.CADir)
	if err != nil {
		t.Fatal(err)
	}
	roots, middle := x509.NewCertPool(), x509.NewCertPool()
	roots.AddCert(ca.root)
	middle.AddCert(ca.issuer)
	for _, name := range []string{"shop.example.com", "8.8.8.8", "localhost"} {
		if _, err := res.Leaf.Verify(x509.VerifyOptions{Roots: roots, Intermediates: middle,
			DNSName: name}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	// Neither CA is ever used as the other, even if its file is copied.
	normalDir := strings.TrimSuffix(req.CADir, unconstrainedSuffix)
	data, err := os.ReadFile(filepath.Join(req.CADir, issuerFile))
	if err != nil {
		t.Fatal(err)
	}
	os.WriteFile(filepath.Join(normalDir, issuerFile), data, 0o600)
	if ca, made, err := Open(normalDir); err != nil || !made || ca.Permits("example.com") {
		t.Errorf("got %v, %v, want the CA without limits set aside and a limited one made", made, err)
	}
	// With constraints again, the constrained CA signs the certificate.
	req.CADir = normalDir
	if res := ensure(t, req); len(res.Skipped) != 2 || res.Leaf.Equal(constrained.Leaf) {
		t.Errorf("got %+v, want the public names left out again", res)
	}
}

func TestAnUnusableCAIsNeverSilentlyReplaced(t *testing.T) {
	t.Parallel()
	req := request(t.TempDir())
	ensure(t, req)
	os.WriteFile(filepath.Join(req.CADir, issuerFile), []byte("x"), 0o600)
	res := ensure(t, req)
	if got := strings.Join(res.Lines(req), "\n"); !res.MadeCA || !strings.Contains(got, "was corrupt") ||
		!strings.Contains(got, "make trust") {
		t.Errorf("got %+v and\n%s\nwant why, and the next command", res, got)
	}
	if err := os.Chmod(filepath.Join(req.CADir, issuerFile), 0o644); err != nil {
		t.Fatal(err)
	}
	ensure(t, req)
	if info, _ := os.Stat(filepath.Join(req.CADir, issuerFile)); runtime.GOOS != "windows" &&
		info.Mode().Perm() != 0o600 {
		t.Errorf("the CA's key stays open to others: %v", info.Mode())
	}
}
