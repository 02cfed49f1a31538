package truststore

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// fake is a store that keeps what it is told to in memory.
type fake struct {
	scope          string
	has, deaf      bool // deaf: Add has no effect
	err            error
	added, removed int
}

func (f *fake) Info() Info                        { return Info{"a program", "a place", f.scope, "a command"} }
func (f *fake) Restart() string                   { return "" }
func (f *fake) Has(context.Context) (bool, error) { return f.has, nil }

func (f *fake) Add(context.Context) error {
	f.added++
	f.has = f.err == nil && !f.deaf
	return f.err
}

func (f *fake) Remove(context.Context) (string, error) {
	f.removed++
	f.has = f.has && f.err != nil
	return "removed", f.err
}

func TestTrust(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		store  fake
		system bool
		want   Row
		added  int
	}{
		{"new", fake{scope: User}, false, Row{Status: Trusted}, 1},
		{"already there", fake{scope: User, has: true}, false, Row{Status: Trusted}, 0},
		{"claims only", fake{scope: User, deaf: true}, false,
			Row{Status: Failed, Why: "the certificate was added, but the store does not accept it", Next: "try again, or by hand: a command"}, 1},
		{"fails", fake{scope: User, err: errors.Join(errors.New("one"), errors.New("two"))}, false,
			Row{Status: Failed, Why: "one; two", Next: "try again, or by hand: a command"}, 1},
		{"blocked", fake{scope: User, err: &Blocked{"why", "next"}}, false, Row{Status: NotTrusted, Why: "why", Next: "next"}, 1},
		{"system, not asked for", fake{scope: System}, false,
			Row{Status: NotTrusted, Why: "left alone: it needs an administrator", Next: "make trust SYSTEM=1"}, 0},
		{"system", fake{scope: System}, true, Row{Status: Trusted}, 1},
	} {
		last := fake{scope: User}
		rows := Trust(t.Context(), &Host{}, []Store{&test.store, &last}, test.system)
		test.want.Info = test.store.Info()
		if rows[0] != test.want || test.store.added != test.added {
			t.Errorf("%s: %+v after %d times, want %+v after %d", test.name, rows[0], test.store.added, test.want, test.added)
		}
		if rows[1].Status != Trusted {
			t.Errorf("%s: kept the next store from being trusted: %+v", test.name, rows[1])
		}
	}
}

func TestUntrust(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name    string
		store   fake
		system  bool
		want    Row
		removed int
	}{
		{"there", fake{scope: User, has: true}, false, Row{Status: NotTrusted, Why: "removed"}, 1},
		{"fails", fake{scope: User, has: true, err: errors.New("oh")}, false,
			Row{Status: Failed, Why: "oh", Next: "try again, or by hand: a command"}, 1},
		{"blocked", fake{scope: User, has: true, err: &Blocked{"why", "next"}}, false, Row{Status: Unchanged, Why: "why", Next: "next"}, 1},
		{"system, not asked for", fake{scope: System, has: true}, false,
			Row{Status: Trusted, Why: "left alone: it needs an administrator", Next: "make untrust SYSTEM=1"}, 0},
		{"system, not there", fake{scope: System}, false, Row{Status: NotTrusted, Why: "was not there"}, 0},
		{"system", fake{scope: System, has: true}, true, Row{Status: NotTrusted, Why: "removed"}, 1},
	} {
		last := fake{scope: User, has: true}
		rows := Untrust(t.Context(), &Host{}, []Store{&test.store, &last}, test.system)
		test.want.Info = test.store.Info()
		if rows[0] != test.want || test.store.removed != test.removed {
			t.Errorf("%s: %+v after %d times, want %+v after %d", test.name, rows[0], test.store.removed, test.want, test.removed)
		}
		if last.has {
			t.Errorf("%s: kept the next store from being untrusted", test.name)
		}
	}
}

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

var testRoot = &Root{
	File: "/home/ann/.local/share/turnkey/root.pem",
	Cert: &x509.Certificate{Subject: pkix.Name{CommonName: NamePrefix + "box 2026-11-23 264696b7"}},
}

func TestCommandsOfMacOSAndWindows(t *testing.T) {
	t.Parallel()
	host := &Host{Getenv: func(string) string { return "/Users/Ann Lee" }}
	m := machine{host, testRoot}
	mac, windows, wsl := m.keychain(), m.certstore("certutil.exe"), m.certstore("/mnt/c/Windows/System32/certutil.exe")
	const sha1 = "0123456789ABCDEF0123456789ABCDEF01234567"
	for _, test := range []struct {
		got  command
		want string
		asks bool
	}{
		{filled(mac.add, "FILE", "/Users/Ann Lee/Library/Application Support/turnkey/root.pem"), "security add-trusted-cert -r trustRoot -p ssl " +
			"-k '/Users/Ann Lee/Library/Keychains/login.keychain-db' '/Users/Ann Lee/Library/Application Support/turnkey/root.pem'", true},
		{command{args: mac.list}, "security find-certificate -a -c 'Turnkey dev root ' -Z '/Users/Ann Lee/Library/Keychains/login.keychain-db'", false},
		{filled(mac.remove, "SHA1", sha1), "security delete-certificate -Z " + sha1 + " -t '/Users/Ann Lee/Library/Keychains/login.keychain-db'", true},
		{filled(windows.add, "FILE", `C:\Users\Ann Lee\AppData\Local\turnkey\root.pem`),
			`certutil.exe -user -addstore Root "C:\Users\Ann Lee\AppData\Local\turnkey\root.pem"`, true},
		{command{args: windows.list}, "certutil.exe -user -store Root", false},
		{filled(windows.remove, "SHA1", sha1), "certutil.exe -user -delstore Root " + sha1, true},
		{filled(wsl.add, "FILE", `\\wsl.localhost\Ubuntu\home\ann\.local\share\turnkey\root.pem`),
			`/mnt/c/Windows/System32/certutil.exe -user -addstore Root \\wsl.localhost\Ubuntu\home\ann\.local\share\turnkey\root.pem`, true},
		{filled(wsl.remove, "SHA1", sha1), "/mnt/c/Windows/System32/certutil.exe -user -delstore Root " + sha1, true},
	} {
		if test.got.String() != test.want || test.got.asks != test.asks {
			t.Errorf("got  %s (asks: %t)\nwant %s (asks: %t)", test.got, test.got.asks, test.want, test.asks)
		}
	}
}

func TestCommandsOfLinuxSystems(t *testing.T) {
	t.Parallel()
	const pem = "/home/ann/.local/share/turnkey/root.pem"
	for name, want := range map[string][4]string{
		"Debian, Ubuntu, Alpine": {"/usr/local/share/ca-certificates", ".crt", "update-ca-certificates", "update-ca-certificates --fresh"},
		"Fedora, RHEL":           {"/etc/pki/ca-trust/source/anchors", ".pem", "update-ca-trust", "update-ca-trust"},
		"Arch":                   {"/etc/ca-certificates/trust-source/anchors", ".crt", "trust extract-compat", "trust extract-compat"},
		"SUSE":                   {"/etc/pki/trust/anchors", ".pem", "update-ca-certificates", "update-ca-certificates"},
	} {
		i := slices.IndexFunc(distributions, func(d distribution) bool { return d.name == name })
		if i < 0 {
			t.Errorf("%s is gone", name)
			continue
		}
		s := &system{machine: machine{&Host{UID: 1000}, testRoot}, distribution: distributions[i]}
		file := want[0] + "/turnkey-dev-root-1000-264696b7" + want[1]
		if got := s.file(); got != file {
			t.Errorf("%s: file %s, want %s", name, got, file)
		}
		old := want[0] + "/turnkey-dev-root-1000-00000000" + want[1]
		for _, test := range []struct {
			got  []command
			want string
		}{
			{s.adding([]string{"sudo"}, nil), "sudo install -m 644 " + pem + " " + file + " && sudo " + want[2]},
			{s.adding(nil, []string{old}), "rm -f " + old + " && install -m 644 " + pem + " " + file + " && " + want[2]},
			{s.removing([]string{"sudo", "-n"}, []string{file, old}), "sudo -n rm -f " + file + " " + old + " && sudo -n " + want[3]},
		} {
			if got := joined(test.got); got != test.want {
				t.Errorf("%s:\ngot  %s\nwant %s", name, got, test.want)
			}
		}
	}
	if got := nixSnippet(testRoot); !strings.Contains(got, `security.pki.certificateFiles = [ "`+pem+`" ]`) {
		t.Error(got)
	}
}

func TestCertutilPackage(t *testing.T) {
	t.Parallel()
	for osRelease, want := range map[string]string{
		"NAME=\"Debian GNU/Linux\"\nID=debian\n":                  "sudo apt install libnss3-tools",
		"ID=linuxmint\nID_LIKE=\"ubuntu debian\"\n":               "sudo apt install libnss3-tools",
		"ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\n":          "sudo dnf install nss-tools",
		"ID=manjaro\nID_LIKE=arch\n":                              "sudo pacman -S nss",
		"ID=\"opensuse-tumbleweed\"\nID_LIKE=\"opensuse suse\"\n": "sudo zypper install mozilla-nss-tools",
		"ID=alpine\n": "sudo apk add nss-tools",
		"ID=nixos\n":  "nix-shell -p nssTools",
		"ID=plan9\n":  "install the package with NSS's certutil (nss-tools, libnss3-tools or nss)",
	} {
		if got := certutilPackage(osRelease); got != want {
			t.Errorf("%q: %s, want %s", osRelease, got, want)
		}
	}
}

func TestListingsOfMacOSAndWindows(t *testing.T) {
	t.Parallel()
	const a, b = "0123456789abcdef0123456789abcdef01234567", "89abcdef0123456789abcdef0123456789abcdef"
	mac := "SHA-256 hash: " + strings.Repeat("AB", 32) + "\nSHA-1 hash: " + strings.ToUpper(a) + "\nkeychain: \"login\"\n" +
		"SHA-1 hash: " + strings.ToUpper(b) + "\n"
	if got, want := keychainHashes(mac), []string{strings.ToUpper(a), strings.ToUpper(b)}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	windows := "Root \"Trusted Root Certification Authorities\"\r\n================ Certificate 0 ================\r\n" +
		"Subject: CN=Somebody Else\r\nCert Hash(sha1): ffffffffffffffffffffffffffffffffffffffff\r\n" +
		"================ Certificate 1 ================\r\nIssuer: CN=Turnkey dev root box 2026-11-23 264696b7, O=Turnkey development CA\r\n" +
		"Cert Hash(sha1): " + a + "\r\nNo key provider information\r\n" +
		"================ Zertifikat 2 ================\r\nAntragsteller: CN=Turnkey dev root box 2021-01-01 00000000\r\n" +
		"Zertifikathash(sha1): 89 ab cd ef 01 23 45 67 89 ab cd ef 01 23 45 67 89 ab cd ef\r\nCertUtil: -store\r\n"
	if got, want := certstoreHashes(windows), []string{a, b}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestDeclinedDialogIsNoFailure(t *testing.T) {
	t.Parallel()
	var blocked *Blocked
	for text, want := range map[string]bool{
		"CertUtil: -addstore command FAILED: 0x800704c7 (WIN32: 1223 ERROR_CANCELLED)":                           true,
		"SecTrustSettingsSetTrustSettings: The authorization was canceled by the user.":                          true,
		"SecTrustSettingsSetTrustSettings: The authorization was denied since no user interaction was possible.": true,
		"CertUtil: -addstore command FAILED: 0x80070002 (WIN32: 2 ERROR_FILE_NOT_FOUND)":                         false,
	} {
		if got := errors.As(declined(errors.New(text), "make trust"), &blocked); got != want {
			t.Errorf("%s: %t, want %t", text, got, want)
		}
	}
}

// The root of a CA that was just made is in no system's store.
func TestSystemIsAskedInAFreshProcess(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	if ok, err := (machine{h.host, h.root}).accepts(t.Context()); ok || err != nil {
		t.Errorf("accepted: %t, %v", ok, err)
	}
	h.host.Executable = "/nonexistent"
	if _, err := (machine{h.host, h.root}).accepts(t.Context()); err == nil {
		t.Error("no error, though nobody could be asked")
	}
}

// programs puts shell scripts on the PATH, and nothing else.
func programs(t *testing.T, scripts map[string]string) {
	t.Helper()
	needLinux(t)
	bin := t.TempDir()
	for name, script := range scripts {
		if err := os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\nPATH=/usr/bin:/bin\n"+script), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", bin)
}

// Inside WSL the Windows store is one more row, changed through Windows' own certutil.
func TestWSL(t *testing.T) {
	h := newHome(t)
	store := filepath.Join(t.TempDir(), "store")
	programs(t, map[string]string{
		"wslpath": `test "$1" = -w && printf '\\\\wsl.localhost\\Debian%s\r\n' "$2"`,
		"certutil.exe": `echo "$@" >>` + store + `.log
case "$2 $3 $4" in
'-store Root ') cat ` + store + ` 2>/dev/null || : ;;
'-addstore Root \\wsl.localhost\Debian'*) printf '================ Certificate 0\r\nCN=` + h.root.Name() + `\r\nCert Hash(sha1): ` + h.root.sha1() + `\r\n' >` + store + ` ;;
'-delstore Root ` + h.root.sha1() + `') rm ` + store + ` ;;
*) echo "unexpected: $*"; exit 1 ;;
esac`,
	})
	getenv := h.host.Getenv
	h.host.Getenv = func(name string) string {
		if name == "WSL_DISTRO_NAME" {
			return "Debian"
		}
		return getenv(name)
	}
	if row := h.trust(t)[`CurrentUser\Root`]; row.Status != Trusted || row.Store != "Chrome, Edge, Firefox on Windows" {
		t.Errorf("%+v", row)
	}
	h.trust(t)
	if row := h.untrust(t)[`CurrentUser\Root`]; row.Status != NotTrusted || row.Why != "removed" || exists(store) {
		t.Errorf("%+v, store left: %t", row, exists(store))
	}
	if row := h.untrust(t)[`CurrentUser\Root`]; row.Why != "was not there" {
		t.Errorf("%+v", row)
	}
	log, _ := os.ReadFile(store + ".log")
	if n := strings.Count(string(log), "-addstore"); n != 1 {
		t.Errorf("a dialog %d times, want once:\n%s", n, log)
	}
}

// What is run by sudo is said before, and none of it concerns other users' roots.
func TestLinuxSystem(t *testing.T) {
	h := newHome(t)
	dir := t.TempDir()
	programs(t, map[string]string{"sudo": `exec "$@"`})
	for _, name := range []string{"turnkey-dev-root-1000-00000000.crt", "turnkey-dev-root-10001-11111111.crt"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s := &system{machine: machine{h.host, h.root}, distribution: distribution{"test", dir, ".crt", "true", "true again"}}
	if err := s.Add(t.Context()); err != nil {
		t.Fatal(err)
	}
	file := s.file()
	got, err := os.ReadFile(file)
	want, _ := os.ReadFile(h.root.File)
	if err != nil || string(got) != string(want) {
		t.Errorf("%s has %q (%v)", file, got, err)
	}
	s.root = nil
	if how, err := s.Remove(t.Context()); how != "removed" || err != nil {
		t.Errorf("%q, %v", how, err)
	}
	if how, err := s.Remove(t.Context()); how != "" || err != nil {
		t.Errorf("%q, %v", how, err)
	}
	left, _ := os.ReadDir(dir)
	if len(left) != 1 || left[0].Name() != "turnkey-dev-root-10001-11111111.crt" {
		t.Errorf("left: %v", left)
	}
	if want := []string{
		"sudo rm -f " + dir + "/turnkey-dev-root-1000-00000000.crt", "sudo install -m 644 " + h.root.File + " " + file, "sudo true",
		"sudo rm -f " + file, "sudo true again",
	}; !slices.Equal(h.said, want) {
		t.Errorf("said %q, want %q", h.said, want)
	}
}
