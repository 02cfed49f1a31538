package handlers

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"example.com/turnkey/app/apptest"
)

// While the store fails, visitors with a session see the pages that need no account, and are signed in again after it.
func TestASessionOutlivesATimeWithoutTheStore(t *testing.T) {
	t.Parallel()
	dir, ada := t.TempDir(), address("ada")
	site := apptest.Start(t, ordersSite(), "DATA_DIR="+dir)
	register(t, site, ada)
	file := filepath.Join(dir, "accounts.db")
	for name, breakIt := range map[string]func() error{
		"another file": func() error { return os.WriteFile(file, []byte("no database"), 0o600) },
		"a folder":     func() error { return os.Mkdir(file, 0o700) },
		"a full disk":  func() error { return os.Symlink("/dev/full", file) },
	} {
		if err := errors.Join(os.Rename(file, file+".kept"), breakIt()); err != nil {
			t.Fatal(err)
		}
		if page := site.Get("/test-open"); page.Status != 204 {
			t.Errorf("%s: a page that needs no account got %d", name, page.Status)
		}
		for path, answer := range map[string]*apptest.Answer{
			"/test-orders/7": site.Get("/test-orders/7", "Accept", "text/html"),
			"/sign-out":      site.PostForm("/sign-out", nil),
			"/sign-in":       site.PostForm("/sign-in", url.Values{"email": {ada}, "password": {goodPassword}}),
			"/register":      site.PostForm("/register", url.Values{"email": {address("eve")}, "password": {goodPassword}}),
		} {
			if answer.Status != 503 || answer.Header.Get("Retry-After") == "" {
				t.Errorf("%s: %s got %d, want 503 and Retry-After: %v", name, path, answer.Status, answer.Header)
			}
		}
		if err := errors.Join(os.Remove(file), os.Rename(file+".kept", file)); err != nil {
			t.Fatal(err)
		}
		if !isSignedIn(t, site) {
			t.Errorf("%s: signed out by it", name)
		}
	}
}

func TestExpiredSessionsAreRemoved(t *testing.T) {
	t.Parallel()
	f, err := openFile(filepath.Join(t.TempDir(), "accounts.db"))
	if err != nil {
		t.Fatal(err)
	}
	commit := func(token string, life time.Duration) {
		t.Helper()
		if err := f.Commit(token, []byte(token), time.Now().Add(life)); err != nil {
			t.Fatal(err)
		}
	}
	commit("k-new", time.Hour)
	for n := range 20 {
		commit(fmt.Sprint("k-old", n), -time.Second)
	}
	if _, found, err := f.Find("k-old1"); found || err != nil {
		t.Errorf("an expired session is found: %v %v", found, err)
	}
	for n := range 3 { // who sign in later
		commit(fmt.Sprint("a", n), time.Hour)
	}
	left := 0
	err = f.read(sessionsBucket, func(b *bbolt.Bucket) error { left = b.Stats().KeyN; return nil })
	if data, found, _ := f.Find("k-new"); left != 4 || !found || string(data) != "k-new" || err != nil {
		t.Errorf("%d sessions are left, want 4; the new one: %v %q %v", left, found, data, err)
	}
}
