package truststore

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"slices"
	"strings"
	"testing"
)

var testRoot = &Root{
	File: "/home/ann/.local/share/turnkey/root.pem",
	Cert: &x509.Certificate{Subject: pkix.Name{CommonName: NamePrefix + "box 2026-11-23 264696b7"}},
}

func TestCommandsOfMacOSAndWindows(t *testing.T) {
	host := &Host{Getenv: func(string) string { return "/Users/Ann Lee" }}
	mac := host.keychain(testRoot)
	windows := host.certstore(testRoot, "certutil.exe")
	wsl := host.certstore(testRoot, "/mnt/c/Windows/System32/certutil.exe")
	const sha1 = "0123456789ABCDEF0123456789ABCDEF01234567"
	for _, test := range []struct {
		got  Command
		want string
		asks bool
	}{
		{mac.add("/Users/Ann Lee/Library/Application Support/turnkey/root.pem"), "security add-trusted-cert -r trustRoot -p ssl " +
			"-k '/Users/Ann Lee/Library/Keychains/login.keychain-db' '/Users/Ann Lee/Library/Application Support/turnkey/root.pem'", true},
		{mac.list, "security find-certificate -a -c 'Turnkey dev root ' -Z '/Users/Ann Lee/Library/Keychains/login.keychain-db'", false},
		{mac.remove(sha1), "security delete-certificate -Z " + sha1 + " -t '/Users/Ann Lee/Library/Keychains/login.keychain-db'", true},
		{windows.add(`C:\Users\Ann Lee\AppData\Local\turnkey\root.pem`),
			`certutil.exe -user -addstore Root "C:\Users\Ann Lee\AppData\Local\turnkey\root.pem"`, true},
		{windows.list, "certutil.exe -user -store Root", false},
		{windows.remove(sha1), "certutil.exe -user -delstore Root " + sha1, true},
		{wsl.add(`\\wsl.localhost\Ubuntu\home\ann\.local\share\turnkey\root.pem`),
			`/mnt/c/Windows/System32/certutil.exe -user -addstore Root \\wsl.localhost\Ubuntu\home\ann\.local\share\turnkey\root.pem`, true},
		{wsl.remove(sha1), "/mnt/c/Windows/System32/certutil.exe -user -delstore Root " + sha1, true},
	} {
		if test.got.String() != test.want || test.got.Asks != test.asks {
			t.Errorf("got  %s (asks: %t)\nwant %s (asks: %t)", test.got, test.got.Asks, test.want, test.asks)
		}
	}
}

func TestCommandsOfLinuxSystems(t *testing.T) {
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
		d, file := distributions[i], want[0]+"/turnkey-dev-root-1000-264696b7"+want[1]
		if got := d.file(1000, testRoot); got != file {
			t.Errorf("%s: file %s, want %s", name, got, file)
		}
		old := want[0] + "/turnkey-dev-root-1000-00000000" + want[1]
		for _, test := range []struct {
			got  []Command
			want string
		}{
			{d.add([]string{"sudo"}, file, nil, testRoot), "sudo install -m 644 " + pem + " " + file + " && sudo " + want[2]},
			{d.add(nil, file, []string{old}, testRoot), "rm -f " + old + " && install -m 644 " + pem + " " + file + " && " + want[2]},
			{d.remove([]string{"sudo", "-n"}, []string{file, old}), "sudo -n rm -f " + file + " " + old + " && sudo -n " + want[3]},
		} {
			if got := chain(test.got); got != test.want {
				t.Errorf("%s:\ngot  %s\nwant %s", name, got, test.want)
			}
		}
	}
	if got := nixSnippet(testRoot); !strings.Contains(got, `security.pki.certificateFiles = [ "`+pem+`" ]`) {
		t.Error(got)
	}
}

func TestCertutilPackage(t *testing.T) {
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
	h := newHome(t)
	if ok, err := h.host.systemAccepts(t.Context(), h.root); ok || err != nil {
		t.Errorf("accepted: %t, %v", ok, err)
	}
	h.host.Executable = "/nonexistent"
	if _, err := h.host.systemAccepts(t.Context(), h.root); err == nil {
		t.Error("no error, though nobody could be asked")
	}
}
