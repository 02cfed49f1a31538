package truststore

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const flatpakFirefox = ".var/app/org.mozilla.firefox/"

var layouts = []struct {
	name  string
	make  func(*testing.T, *home)
	wants []string // the databases that must be trusted, all of them
}{
	{"none", func(*testing.T, *home) {}, []string{"~/.pki/nssdb", "~/.local/share/pki/nssdb"}},
	{"old Chromium", func(t *testing.T, h *home) { h.newDB(t, ".pki/nssdb") }, []string{"~/.pki/nssdb"}},
	// ~/.pki/nssdb must not be made here: it would hide this one and all that the user has in it.
	{"new Chromium", func(t *testing.T, h *home) { h.newDB(t, ".local/share/pki/nssdb") }, []string{"~/.local/share/pki/nssdb"}},
	{"both", func(t *testing.T, h *home) {
		h.newDB(t, ".pki/nssdb")
		h.newDB(t, ".local/share/pki/nssdb")
	}, []string{"~/.pki/nssdb", "~/.local/share/pki/nssdb"}},
	{"Chromium by snap and flatpak", func(t *testing.T, h *home) {
		h.mkdir(t, ".pki/nssdb") // without a database in it
		h.newDB(t, "snap/chromium/x1/.pki/nssdb")
		if err := os.Symlink("x1", filepath.Join(h.dir, "snap/chromium/current")); err != nil {
			t.Fatal(err)
		}
		h.mkdir(t, ".var/app/com.google.Chrome")
	}, []string{"~/.pki/nssdb", "~/snap/chromium/current/.pki/nssdb",
		"~/.var/app/com.google.Chrome/.pki/nssdb", "~/.var/app/com.google.Chrome/data/pki/nssdb"}},
	{"Firefox, legacy and XDG", func(t *testing.T, h *home) {
		h.newDB(t, ".pki/nssdb")
		h.newDB(t, ".mozilla/firefox/a1.default-esr")
		h.mkdir(t, ".mozilla/firefox/Crash Reports")
		h.newDB(t, ".config/mozilla/firefox/b2.default-release")
	}, []string{"~/.pki/nssdb", "~/.mozilla/firefox/a1.default-esr", "~/.config/mozilla/firefox/b2.default-release"}},
	{"Firefox by snap and flatpak", func(t *testing.T, h *home) {
		h.newDB(t, ".pki/nssdb")
		h.newDB(t, "snap/firefox/common/.mozilla/firefox/c3.default")
		h.newDB(t, flatpakFirefox+".mozilla/firefox/d4.default")
		h.newDB(t, flatpakFirefox+"config/mozilla/firefox/e5.default")
	}, []string{"~/.pki/nssdb", "~/snap/firefox/common/.mozilla/firefox/c3.default",
		"~/" + flatpakFirefox + ".mozilla/firefox/d4.default", "~/" + flatpakFirefox + "config/mozilla/firefox/e5.default"}},
	{"Firefox, profiles.ini", func(t *testing.T, h *home) {
		h.newDB(t, ".pki/nssdb")
		h.newDB(t, "elsewhere/my [work] profile")
		h.mkdir(t, ".mozilla/firefox/never.started")
		h.write(t, ".mozilla/firefox/ancient/key3.db", "for Firefox to convert")
		h.write(t, ".mozilla/firefox/profiles.ini", "[Install4F96D1932A9F858E]\nDefault=never.started\n"+
			"[Profile0]\r\nName=work\r\nIsRelative=0\r\nPath="+h.dir+"/elsewhere/my [work] profile\r\n"+
			"[Profile1]\nName=new\nIsRelative=1\nPath=never.started\n"+
			"[Profile2]\nIsRelative=1\nPath=ancient\n[Profile3]\nIsRelative=1\nPath=gone\n[General]\nVersion=2\n")
	}, []string{"~/.pki/nssdb", "~/elsewhere/my [work] profile", "~/.mozilla/firefox/never.started"}},
}

func TestEveryLayoutIsTrustedAndRestored(t *testing.T) {
	t.Parallel()
	needCertutil(t)
	for _, layout := range layouts {
		t.Run(layout.name, func(t *testing.T) {
			t.Parallel()
			h := newHome(t)
			layout.make(t, h)
			before := h.tree(t)

			var got []string
			for where, row := range h.trust(t) {
				if row.Status == Trusted {
					got = append(got, where)
				} else if strings.HasPrefix(where, "~") {
					t.Errorf("%s: %+v", where, row)
				}
			}
			slices.Sort(got)
			if want := slices.Sorted(slices.Values(layout.wants)); !slices.Equal(got, want) {
				t.Errorf("trusted %q, want %q", got, want)
			}
			for _, where := range layout.wants {
				list := certutil(t, "-L", "-d", "sql:"+h.dir+strings.TrimPrefix(where, "~"))
				if !strings.Contains(list, h.root.Name()) || !strings.Contains(list, "C,,") {
					t.Errorf("%s has %s", where, list)
				}
			}
			if info, err := os.Stat(filepath.Join(h.caDir, "trust.json")); err != nil || info.Mode() != 0o600 {
				t.Errorf("trust.json: %v %v", info, err)
			}

			once := h.tree(t)
			h.trust(t)
			h.mustEqual(t, once)

			h.host.DryRun = true
			h.untrust(t)
			h.mustEqual(t, once)

			h.host.DryRun = false
			for where, row := range h.untrust(t) {
				if row.Status != NotTrusted {
					t.Errorf("untrust: %s: %+v", where, row)
				}
			}
			h.mustEqual(t, before)
		})
	}
}

func TestDryRunPrintsTheCommands(t *testing.T) {
	t.Parallel()
	needCertutil(t)
	h := newHome(t)
	h.newDB(t, ".mozilla/firefox/a.b")
	before := h.tree(t)
	h.host.DryRun = true
	for where, row := range h.trust(t) {
		if row.Status == Trusted {
			t.Errorf("%s: %+v", where, row)
		}
	}
	h.mustEqual(t, before)
	var want []string
	for _, dir := range []string{"/.pki/nssdb", "/.local/share/pki/nssdb", "/.mozilla/firefox/a.b"} {
		db := "-d sql:" + h.dir + dir
		if dir != "/.mozilla/firefox/a.b" {
			want = append(want, "mkdir -p -m 700 "+h.dir+dir, "certutil -N --empty-password "+db)
		}
		want = append(want, "certutil -A -t C,, -n '"+h.root.Name()+"' -i "+h.root.File+" "+db+" -f /dev/null")
	}
	if !slices.Equal(h.said, want) {
		t.Errorf("said %q, want %q", h.said, want)
	}
}

func TestRootsOfOtherProgramsStay(t *testing.T) {
	t.Parallel()
	needCertutil(t)
	h, other := newHome(t), newHome(t)
	made, profile := filepath.Join(h.dir, ".pki/nssdb"), h.newDB(t, ".mozilla/firefox/a.b")
	h.trust(t)
	for _, dir := range []string{made, profile} {
		certutil(t, "-A", "-t", ",,", "-n", "a colleague", "-i", other.root.File, "-d", "sql:"+dir)
	}
	h.untrust(t)
	for _, dir := range []string{made, profile} {
		if list := certutil(t, "-L", "-d", "sql:"+dir); strings.Contains(list, NamePrefix) || !strings.Contains(list, "a colleague") {
			t.Errorf("%s has %s", dir, list)
		}
	}
	if exists(filepath.Join(h.caDir, "trust.json")) || exists(filepath.Join(h.caDir, "backup")) {
		t.Error("the record was not removed")
	}
}

func TestOlderRootsAreRemoved(t *testing.T) {
	t.Parallel()
	needCertutil(t)
	h := newHome(t)
	profile := h.newDB(t, ".mozilla/firefox/a.b")
	before := certutil(t, "-L", "-d", "sql:"+profile)
	for range 2 { // one in place of the other
		h.trust(t)
		if list := certutil(t, "-L", "-d", "sql:"+profile); strings.Count(list, NamePrefix) != 1 || !strings.Contains(list, h.root.Name()) {
			t.Errorf("has %s", list)
		}
		if err := os.Remove(filepath.Join(h.caDir, "issuer.pem")); err != nil {
			t.Fatal(err)
		}
		var err error
		if h.root, err = OpenRoot(h.caDir, false); err != nil {
			t.Fatal(err)
		}
	}
	// Nothing known of what was done before.
	certutil(t, "-A", "-t", "C,,", "-n", h.root.Name(), "-i", h.root.File, "-d", "sql:"+profile)
	if err := os.RemoveAll(h.caDir); err != nil {
		t.Fatal(err)
	}
	h.untrust(t)
	if list := certutil(t, "-L", "-d", "sql:"+profile); list != before {
		t.Errorf("has %s", list)
	}
}

func TestOneStoreFailsAlone(t *testing.T) {
	t.Parallel()
	needCertutil(t)
	h := newHome(t)
	h.newDB(t, ".pki/nssdb")
	h.newDB(t, ".mozilla/firefox/z.last")
	h.write(t, ".mozilla/firefox/a.corrupt/cert9.db", strings.Repeat("not a database", 1000))
	protected := h.mkdir(t, ".mozilla/firefox/b.protected")
	h.write(t, "password", "secret\n")
	certutil(t, "-N", "-f", filepath.Join(h.dir, "password"), "-d", "sql:"+protected)
	before, protectedBefore := h.tree(t), certutil(t, "-L", "-d", "sql:"+protected)

	rows := h.trust(t)
	if list := certutil(t, "-L", "-d", "sql:"+protected); list != protectedBefore {
		t.Errorf("half a certificate was left behind: %s", list)
	}
	for where, want := range map[string]string{
		"~/.pki/nssdb": Trusted, "~/.mozilla/firefox/a.corrupt": Failed,
		"~/.mozilla/firefox/b.protected": NotTrusted, "~/.mozilla/firefox/z.last": Trusted,
	} {
		if got := rows[where]; got.Status != want || want != Trusted && !strings.Contains(got.Next, "certutil -A -t C,, -n '"+h.root.Name()) {
			t.Errorf("%s: %+v, want %s", where, got, want)
		}
	}
	h.untrust(t)
	h.mustEqual(t, before)
}

func TestFailureLeavesNothing(t *testing.T) {
	t.Parallel()
	needCertutil(t)
	h := newHome(t)
	h.newDB(t, ".mozilla/firefox/a.b")
	before := h.tree(t)
	h.root.File += ".missing"
	for where, row := range h.trust(t) {
		if strings.HasPrefix(where, "~") && row.Status != Failed {
			t.Errorf("%s: %+v", where, row)
		}
	}
	h.mustEqual(t, before)
}

func TestAnOpenDatabaseIsNotReplaced(t *testing.T) {
	t.Parallel()
	needCertutil(t)
	if !exists("/proc/self/fd") {
		t.Skip("needs /proc")
	}
	h := newHome(t)
	profile := h.newDB(t, ".mozilla/firefox/a.b")
	f, err := os.Open(filepath.Join(profile, "cert9.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if row := h.trust(t)["~/.mozilla/firefox/a.b"]; row.Status != Trusted || row.Next != "restart Firefox once" {
		t.Errorf("%+v", row)
	}
	h.untrust(t)
	open, _ := f.Stat()
	if now, err := os.Stat(f.Name()); err != nil || !os.SameFile(open, now) {
		t.Error("the file was replaced under a program that has it open")
	}
	if list := certutil(t, "-L", "-d", "sql:"+profile); strings.Contains(list, NamePrefix) {
		t.Errorf("has %s", list)
	}
}

func TestWithoutCertutil(t *testing.T) {
	needLinux(t)
	h := newHome(t)
	h.write(t, ".mozilla/firefox/a.b/cert9.db", "")
	before := h.tree(t)
	t.Setenv("PATH", t.TempDir())
	for _, rows := range []map[string]Row{h.trust(t), h.untrust(t)} {
		row := rows["~/.mozilla/firefox/a.b"]
		if row.Status == Trusted || row.Status == Failed || row.Why != "the program certutil is not installed" || row.Next == "" {
			t.Errorf("%+v", row)
		}
		if len(rows) < 3 {
			t.Errorf("the others are missing: %q", slices.Collect(maps.Keys(rows)))
		}
	}
	h.mustEqual(t, before)
}

// Only Debian installs vfychain beside certutil.
func TestWithoutVfychain(t *testing.T) {
	needCertutil(t)
	bin := t.TempDir()
	path, err := exec.LookPath("certutil")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(path, filepath.Join(bin, "certutil")); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin)
	h := newHome(t)
	if row := h.trust(t)["~/.pki/nssdb"]; row.Status != Trusted {
		t.Errorf("%+v", row)
	}
	certutil(t, "-M", "-t", ",,", "-n", h.root.Name(), "-d", "sql:"+h.dir+"/.pki/nssdb")
	h.trust(t)
	if list := certutil(t, "-L", "-d", "sql:"+h.dir+"/.pki/nssdb"); !strings.Contains(list, "C,,") {
		t.Errorf("trust was taken away and not given back: %s", list)
	}
}
