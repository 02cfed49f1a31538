package handlers

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"go.etcd.io/bbolt"
)

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
