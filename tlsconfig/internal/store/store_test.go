package store

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"example.com/turnkey/tlsconfig/osfile"
	"example.com/turnkey/tlsconfig/setting"
)

func TestStagingAndProductionHaveSlotsOfTheirOwn(t *testing.T) {
	t.Parallel()
	if a, b := slug(setting.ProductionDirectory), slug(setting.StagingDirectory); a == b ||
		strings.ContainsAny(a+b, "/:") {
		t.Errorf("the slots are %q and %q", a, b)
	}
}

// Names of folders are in backups and listings. Only the folder of a URL with a password gets another name than in
// earlier versions, and what is in the old one is moved.
func TestNoSlotIsNamedAfterAPassword(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]string{
		"https://ca.test/acme/dir":                  "ca.test-acme-dir",
		"https://CA.test:14000/Dir?a=b":             "ca.test-14000-dir-a-b",
		"https://ca.test/ä@b":                       "ca.test----b",
		"https://ca.test":                           "ca.test",
		"https://site:hush@ca.test/acme/dir":        "ca.test-acme-dir",
		"https://hush@ca.test/acme/dir":             "ca.test-acme-dir",
		"https://site:hush%2Fhush@ca.test/acme/dir": "ca.test-acme-dir",
	} {
		if got := (Config{Where: t.TempDir()}).Existing(url).name; got != want {
			t.Errorf("%s has the slot %q, want %q", url, got, want)
		}
	}
	const url = "https://site:hush@ca.test/dir"
	dir := t.TempDir()
	former := &Slot{backend: Config{Where: dir}.Existing(url).backend, name: slug(url)}
	if err := former.Put(t.Context(), "a.test.pem", "", []byte("certificate"), 0); err != nil {
		t.Fatal(err)
	}
	slot, err := Config{Where: dir}.Open(url)
	if err != nil {
		t.Fatal(err)
	}
	if data, err := slot.Get(t.Context(), "a.test.pem"); err != nil || string(data) != "certificate" {
		t.Errorf("the certificate of an earlier version is %q (%v)", data, err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 || strings.Contains(entries[0].Name(), "hush") {
		t.Errorf("the store has %v (%v), want one folder without the password", entries, err)
	}
}

func TestKeysNamedAfterAPasswordAreMovedInRedis(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	keys := map[string]string{redisPrefix + "site-hush-ca.test-dir/a.test.pem": "certificate"}
	addr := serveRedis(t, func(args []string) string {
		mu.Lock()
		defer mu.Unlock()
		value, ok := keys[args[1]]
		switch {
		case args[0] == "RENAME" && ok:
			delete(keys, args[1])
			keys[args[2]] = value
			return "+OK\r\n"
		case args[0] == "RENAME":
			return "-ERR no such key\r\n"
		case !ok:
			return "$-1\r\n"
		}
		return fmt.Sprintf("$%d\r\n%s\r\n", len(value), value)
	})
	slot, err := Config{Where: "redis://" + addr}.Open("https://site:hush@ca.test/dir")
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if data, err := slot.Get(t.Context(), "a.test.pem"); err != nil || string(data) != "certificate" {
			t.Errorf("the certificate of an earlier version is %q (%v)", data, err)
		}
	}
	if _, err := slot.Get(t.Context(), "b.test.pem"); !IsMissing(err) {
		t.Errorf("a file that never was: %v, want that it is missing", err)
	}
	mu.Lock()
	defer mu.Unlock()
	if _, ok := keys[redisPrefix+"ca.test-dir/a.test.pem"]; !ok || len(keys) != 1 {
		t.Errorf("the keys are %v", keys)
	}
}

// The site's own files may be below the store, in a folder that other users cannot enter.
func TestExposedFilesAreThoseThatOthersReach(t *testing.T) {
	t.Parallel()
	if _, ok := osfile.Mode("."); !ok {
		t.Skip("files have no modes here")
	}
	dir := t.TempDir()
	for folder, mode := range map[string]os.FileMode{"data": 0o700, "open": 0o755} {
		path := filepath.Join(dir, folder)
		if err := os.Mkdir(path, mode); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(path, "file"), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	notes := Config{Where: dir}.Notes()
	if len(notes) != 1 || !strings.Contains(notes[0], filepath.Join("open", "file")+" has mode 0644") {
		t.Errorf("got %q", notes)
	}
}
