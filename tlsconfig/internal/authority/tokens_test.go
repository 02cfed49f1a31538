package authority

import (
	"testing"

	"example.com/turnkey/tlsconfig/internal/store"
	"example.com/turnkey/tlsconfig/setting"
)

// An attempt that died has left its answer. Its key was dropped since, and the next attempt is at its own challenge.
func TestAnAnswerThatCannotBeOpenedIsReplaced(t *testing.T) {
	t.Parallel()
	dir, dropped, held := t.TempDir(), setting.CacheKey{1}, setting.CacheKey{2}
	slot := store.Config{Where: dir, Keys: []setting.CacheKey{held}}.Existing("https://ca.test/dir")
	old := store.Config{Where: dir, Keys: []setting.CacheKey{dropped}}.Existing("https://ca.test/dir")
	if err := old.Put(t.Context(), "a.test"+tokenFile, "", []byte("old"), 0); err != nil {
		t.Fatal(err)
	}
	c := attemptCache{attempt: &attempt{}, store: slot}
	if err := c.Put(t.Context(), "a.test+token", []byte("new")); err != nil {
		t.Error(err)
	}
	if data, err := slot.Get(t.Context(), "a.test"+tokenFile); err != nil || string(data) != "new" {
		t.Errorf("the answer is %q (%v), want the new one", data, err)
	}
}
