package store

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"example.com/turnkey/tlsconfig/setting"
)

const caURL = "https://ca.test"

var older, newer = setting.CacheKey{1}, setting.CacheKey{2}

// sealedSlot opens the store in a directory with keys.
func sealedSlot(dir string, keys ...setting.CacheKey) *Slot {
	return Config{Where: dir, Keys: keys}.Existing(caURL)
}

// onDisk reads what the directory really has.
func onDisk(t *testing.T, dir, file string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, "ca.test", file))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestWhatIsStoredIsSealedWithTheNewestKey(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first, both, last := sealedSlot(dir, older), sealedSlot(dir, newer, older), sealedSlot(dir, newer)
	writes := map[string]func(s *Slot, file string) error{
		"put": func(s *Slot, file string) error { return s.Put(t.Context(), file, "", []byte("secret"), 3) },
		"created": func(s *Slot, file string) error {
			_, err := s.Create(t.Context(), file, []byte("secret"), func([]byte) bool { return true })
			return err
		},
	}
	for file, write := range writes {
		for _, s := range []*Slot{first, both} {
			if err := write(s, file); err != nil {
				t.Fatal(err)
			}
			want := "sealed:v1:" + s.seals[0].id + ":"
			if got := onDisk(t, dir, file); strings.Contains(got, "secret") || !strings.HasPrefix(got, want) {
				t.Errorf("%s: the directory has %q, want %s…", file, got, want)
			}
			if data, err := both.Get(t.Context(), file); err != nil || string(data) != "secret" {
				t.Errorf("%s: read as %q (%v)", file, data, err)
			}
		}
		if data, err := last.Get(t.Context(), file); err != nil || string(data) != "secret" {
			t.Errorf("%s, when the older key is dropped: read as %q (%v)", file, data, err)
		}
		if _, err := first.Get(t.Context(), file); err == nil || !strings.Contains(err.Error(), newer.ID()) {
			t.Errorf("%s, with the older key alone: %v, want the id of the newer", file, err)
		}
	}
}

// An unsealed value is from the time before there was a key.
func TestAnUnsealedValueIsReadAndSealedAtItsNextWrite(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	plain, sealed := sealedSlot(dir), sealedSlot(dir, newer)
	for _, file := range []string{"put", "resealed", "created"} {
		if err := plain.Put(t.Context(), file, "", []byte("secret"), 0); err != nil {
			t.Fatal(err)
		}
		if data, err := sealed.Get(t.Context(), file); err != nil || string(data) != "secret" {
			t.Errorf("%s: read as %q (%v)", file, data, err)
		}
	}
	files := []string{"put", "resealed", "created", "missing"}
	if got, err := sealed.Survey(t.Context(), files); err != nil || got != (Survey{Unsealed: 3}) {
		t.Errorf("counted as %+v (%v), want three that are not sealed", got, err)
	}
	sealed.Put(t.Context(), "put", "", []byte("secret"), 0)
	sealed.Reseal(t.Context(), "rese", "aled")
	sealed.Create(t.Context(), "created", []byte("other"), func([]byte) bool { return true })
	if got, err := sealed.Survey(t.Context(), files); err != nil || got != (Survey{}) {
		t.Errorf("counted as %+v (%v) after the next write", got, err)
	}
	rotated := sealedSlot(dir, older, newer)
	if got, err := rotated.Survey(t.Context(), files); err != nil || got != (Survey{Older: 3}) {
		t.Errorf("counted as %+v (%v) with a newer key, want three with the older", got, err)
	}
	for _, file := range files[:3] {
		if data, err := sealed.Get(t.Context(), file); err != nil || string(data) != "secret" {
			t.Errorf("%s: read as %q (%v)", file, data, err)
		}
	}
}

// A value that cannot be opened may be the certificate that another process serves.
func TestAValueThatCannotBeOpenedStays(t *testing.T) {
	t.Parallel()
	for name, keys := range map[string][]setting.CacheKey{"a wrong key": {older}, "no key": nil} {
		dir := t.TempDir()
		if err := sealedSlot(dir, newer).Put(t.Context(), "a.pem", "", []byte("secret"), 0); err != nil {
			t.Fatal(err)
		}
		before, s := onDisk(t, dir, "a.pem"), sealedSlot(dir, keys...)
		calls := map[string]func() error{
			"get": func() error { _, err := s.Get(t.Context(), "a.pem"); return err },
			"put": func() error { return s.Put(t.Context(), "a", ".pem", []byte("mine"), 1<<40) },
			"create": func() error {
				_, err := s.Create(t.Context(), "a.pem", []byte("mine"), func([]byte) bool { return false })
				return err
			},
		}
		for call, do := range calls {
			err := do()
			if closed, is := IsSealed(err); !is || closed.ID != newer.ID() || closed.File != "a.pem" || closed.Held {
				t.Errorf("%s, %s: %v, want that the key %s is missing", name, call, err, newer.ID())
			}
		}
		s.Reseal(t.Context(), "a", ".pem")
		if got := onDisk(t, dir, "a.pem"); got != before {
			t.Errorf("%s: the value was changed to %q", name, got)
		}
		if got, err := s.Survey(t.Context(), []string{"a.pem"}); err != nil || got.Closed == nil {
			t.Errorf("%s: counted as %+v (%v), want one that is closed", name, got, err)
		}
		if entries, err := os.ReadDir(filepath.Join(dir, "ca.test")); err != nil || len(entries) > 2 { // a lock, too
			t.Errorf("%s: the directory has %v (%v)", name, entries, err)
		}
	}
}

// A value that an attacker copies to another name, or to another CA's part, does not open there.
func TestTheNameIsBoundIn(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := sealedSlot(dir, newer)
	for _, file := range []string{"a.pem", "b.pem"} {
		if err := s.Put(t.Context(), file, "", []byte("certificate of "+file), 0); err != nil {
			t.Fatal(err)
		}
	}
	other := Config{Where: dir, Keys: []setting.CacheKey{newer}}.Existing("https://other.test")
	value := []byte(onDisk(t, dir, "a.pem"))
	for slot, file := range map[*Slot]string{s: "b.pem", other: "a.pem"} {
		if err := slot.backend.put(t.Context(), slot.key(file), "", value, 0); err != nil {
			t.Fatal(err)
		}
		data, err := slot.Get(t.Context(), file)
		if closed, is := IsSealed(err); !is || !closed.Held || closed.Advice() == (&SealedError{}).Advice() {
			t.Errorf("a copy in %s is read as %q (%v)", slot.key(file), data, err)
		}
	}
	if err := s.SetAside(t.Context(), "a.pem"); err != nil {
		t.Fatal(err)
	}
	if data, err := s.Get(t.Context(), "a.pem.bad"); err != nil || string(data) != "certificate of a.pem" {
		t.Errorf("what was set aside is read as %q (%v)", data, err)
	}
}

func FuzzOpen(f *testing.F) {
	s := newSeals([]setting.CacheKey{newer, older})
	good := s.seal("ca.test/a.pem", []byte("secret"))
	for _, seed := range [][]byte{good, good[:len(good)-1], good[:idLength], []byte(sealPrefix), []byte("{}"), nil,
		[]byte(sealPrefix + "\x1b[31mred:"), newSeals([]setting.CacheKey{older}).seal("ca.test/a.pem", nil)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		data, err := s.open("ca.test/a.pem", value)
		switch {
		case !bytes.HasPrefix(value, []byte(sealPrefix)):
			if err != nil || !bytes.Equal(data, value) {
				t.Errorf("an unsealed value is read as %q (%v)", data, err)
			}
		case err == nil:
			if again, err := s.open("ca.test/a.pem", s.seal("ca.test/a.pem", data)); err != nil || !bytes.Equal(again, data) {
				t.Errorf("%q is %q (%v) when sealed again", data, again, err)
			}
			if _, err := s.open("ca.test/b.pem", value); err == nil {
				t.Error("the value opens under another name")
			}
		default:
			if strings.ContainsFunc(err.Error(), func(r rune) bool { return r < ' ' || r > '~' }) {
				t.Errorf("the error is %q", err)
			}
		}
	})
}
