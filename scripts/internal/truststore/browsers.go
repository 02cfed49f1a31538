package truststore

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// family is what the browsers of one engine have in common.
type family struct {
	name string // to say which one to restart
	page string // where a person imports a certificate
}

var (
	chromium = family{"the browser", "chrome://certificate-manager (Custom, Installed by you, Import)"}
	firefox  = family{"Firefox", "about:preferences#privacy (View Certificates, Authorities, Import)"}
)

// chromiums lists which browser reads which database of certificates. A browser uses the first of its directories that
// exists and ignores the rest, so every one that exists gets the root. Where none exists, all are made, so that the
// browser trusts the root at its first start. A new browser's directory needs one line here.
var chromiums = []struct {
	name string
	home string // the browser is installed if it exists
	dirs []string
}{
	// the second since Chromium 146
	{"Chrome, Chromium, Edge, Brave", "$HOME", []string{".pki/nssdb", "$XDG_DATA_HOME/pki/nssdb"}},
	{"Chromium (snap)", "$HOME/snap/chromium/current", []string{".pki/nssdb", ".local/share/pki/nssdb"}},
	{"Chrome (flatpak)", "$HOME/.var/app/com.google.Chrome", []string{".pki/nssdb", "data/pki/nssdb"}},
	{"Chromium (flatpak)", "$HOME/.var/app/org.chromium.Chromium", []string{".pki/nssdb", "data/pki/nssdb"}},
	{"Brave (flatpak)", "$HOME/.var/app/com.brave.Browser", []string{".pki/nssdb", "data/pki/nssdb"}},
	{"Edge (flatpak)", "$HOME/.var/app/com.microsoft.Edge", []string{".pki/nssdb", "data/pki/nssdb"}},
}

// firefoxes lists the directories that hold profiles.ini and, mostly, the profiles.
var firefoxes = []struct{ name, root string }{
	{"Firefox", "$HOME/.mozilla/firefox"},
	{"Firefox", "$XDG_CONFIG_HOME/mozilla/firefox"}, // since Firefox 147
	{"Firefox (snap)", "$HOME/snap/firefox/common/.mozilla/firefox"},
	{"Firefox (flatpak)", "$HOME/.var/app/org.mozilla.firefox/.mozilla/firefox"},
	{"Firefox (flatpak)", "$HOME/.var/app/org.mozilla.firefox/config/mozilla/firefox"},
}

// database is a directory with an NSS database, and the programs that read it.
type database struct {
	browser, dir string
	family       family
}

// databases returns all databases that exist, and those that should be made. A directory that is a symbolic link to
// another one is left out.
func (h *Host) databases() (found []database) {
	seen := map[string]bool{}
	add := func(db database) {
		real, err := filepath.EvalSymlinks(db.dir)
		if err != nil {
			real = db.dir
		}
		if !seen[real] {
			found = append(found, db)
		}
		seen[real] = true
	}
	for _, c := range chromiums {
		home := h.expand(c.home)
		if !exists(home) {
			continue
		}
		var all []string
		for _, dir := range c.dirs {
			if dir = h.expand(dir); !filepath.IsAbs(dir) {
				dir = filepath.Join(home, dir)
			}
			all = append(all, dir)
		}
		none := !slices.ContainsFunc(all, exists)
		for _, dir := range all {
			if none || exists(dir) {
				add(database{c.name, dir, chromium})
			}
		}
	}
	for _, f := range firefoxes {
		for _, dir := range profiles(h.expand(f.root)) {
			add(database{f.name + " " + filepath.Base(dir), dir, firefox})
		}
	}
	return found
}

// profiles returns the directories below root that have a database, and those that profiles.ini names. These may be
// anywhere. One without a database was made but never started, and an empty database is what Firefox would make there
// itself. Databases of an old format are left for Firefox to convert first.
func profiles(root string) []string {
	var dirs []string
	entries, _ := os.ReadDir(root) // in order of names
	for _, e := range entries {
		if dir := filepath.Join(root, e.Name()); exists(filepath.Join(dir, "cert9.db")) {
			dirs = append(dirs, dir)
		}
	}
	for _, dir := range listed(root) {
		has := func(name string) bool { return exists(filepath.Join(dir, name)) }
		if has("cert9.db") || exists(dir) && !has("key3.db") && !has("key4.db") {
			dirs = append(dirs, dir)
		}
	}
	return dirs
}

// listed returns the profiles of a profiles.ini.
func listed(root string) (dirs []string) {
	text, _ := os.ReadFile(filepath.Join(root, "profiles.ini"))
	profile := false
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "[") {
			profile = strings.HasPrefix(line, "[Profile")
		}
		if path, ok := strings.CutPrefix(line, "Path="); ok && profile {
			if !filepath.IsAbs(path) { // IsRelative says the same
				path = filepath.Join(root, path)
			}
			dirs = append(dirs, path)
		}
	}
	return dirs
}
