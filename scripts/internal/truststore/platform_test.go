package truststore

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

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
	s := &system{distribution{"test", dir, ".crt", []string{"true"}, []string{"true", "again"}}, h.host, h.root}
	if err := s.Add(t.Context()); err != nil {
		t.Fatal(err)
	}
	file := s.file(1000, h.root)
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
