package acme

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"example.com/turnkey/tlsconfig/internal/authority"
	"example.com/turnkey/tlsconfig/internal/cert"
	"example.com/turnkey/tlsconfig/internal/store"
	"example.com/turnkey/tlsconfig/setting"
)

var ours, theirs = setting.CacheKey{1}, setting.CacheKey{2}

// sealedSource makes a source whose store seals with keys, and whose CA is unreachable.
func sealedSource(t *testing.T, cache string, notify func(cert.Event), keys ...setting.CacheKey) (*Source,
	*store.Slot) {
	t.Helper()
	slot, err := store.Config{Where: cache, Keys: keys}.Open(unreachable)
	if err != nil {
		t.Fatal(err)
	}
	issuer, err := authority.New(authority.Options{Directory: unreachable, Store: slot})
	if err != nil {
		t.Fatal(err)
	}
	return New(Options{Domains: []string{"a.test"}, Issuer: issuer, Store: slot, Settings: "some", Notify: notify,
		Log: slog.New(slog.DiscardHandler)}), slot
}

func putCertificate(t *testing.T, slot *store.Slot) {
	t.Helper()
	data, err := cert.Marshal(newCertificate(t, "a.test"))
	if err == nil {
		err = slot.Put(t.Context(), "a.test.pem", "", data, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// Both the account's key and a certificate may be what cannot be opened. Nothing is ordered and nothing changed until
// it can be.
func TestNothingIsOrderedBeforeWhatIsStoredCanBeOpened(t *testing.T) {
	t.Parallel()
	for _, file := range []string{"account.key", "a.test.pem", "a.test.json", "a.test.order"} {
		for name, keys := range map[string][]setting.CacheKey{"a wrong key": {ours}, "no key": nil} {
			t.Run(file+", "+name, func(t *testing.T) {
				t.Parallel()
				dir := t.TempDir()
				_, other := sealedSource(t, dir, nil, theirs)
				if err := other.Put(t.Context(), file, "", []byte("something"), 0); err != nil {
					t.Fatal(err)
				}
				path := filepath.Join(dir, "127.0.0.1-1-directory", file)
				before, _ := os.ReadFile(path)
				synctest.Test(t, func(t *testing.T) {
					events := make(chan cert.Event, 8)
					source, _ := sealedSource(t, dir, func(e cert.Event) { events <- e }, keys...)
					ctx, cancel := context.WithCancel(t.Context())
					ended := make(chan error)
					go func() { ended <- source.Run(ctx) }()
					time.Sleep(time.Hour)
					status := source.Status()[0]
					if len(events) > 0 || !status.Blocked || status.Ready || !strings.Contains(status.Error, theirs.ID()) {
						t.Errorf("%d attempts, and the status is %+v; want none, and that the key %s is missing",
							len(events), status, theirs.ID())
					}
					if after, err := os.ReadFile(path); err != nil || string(after) != string(before) {
						t.Errorf("the store has %q (%v), want what it had", after, err)
					}
					if err := os.Remove(path); err != nil {
						t.Fatal(err)
					}
					time.Sleep(2 * time.Minute)
					if status := source.Status()[0]; len(events) == 0 || status.Blocked {
						t.Errorf("a minute after it is gone there is no attempt, and the status is %+v", status)
					}
					cancel()
					<-ended
				})
			})
		}
	}
}

// Another process that shares the store has a newer key, and this one was not told.
func TestARunningProcessOrdersNothingOverWhatItCannotOpen(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	source, _ := sealedSource(t, dir, func(e cert.Event) { t.Errorf("an attempt was made: %+v", e) }, ours)
	h := source.hosts[0]
	if err := tryLoad(t, h); err != nil {
		t.Fatal(err)
	}
	h.loaded = true
	h.serve(cert.Candidate{Certificate: newCertificate(t, "a.test")}, time.Time{})
	_, other := sealedSource(t, dir, nil, theirs, ours)
	for _, file := range []string{"a.test.pem", "a.test.json"} {
		if file == "a.test.pem" {
			putCertificate(t, other)
		} else if err := other.Put(t.Context(), file, "", []byte("{}"), 0); err != nil {
			t.Fatal(err)
		}
		h.compare(t.Context())
		h.forced = true // by SIGHUP
		if wait := h.order(t.Context()); wait != awayEvery {
			t.Errorf("%s: looks again in %s, want %s", file, wait, awayEvery)
		}
		status := source.Status()[0]
		if status.Blocked || status.Ready || !strings.Contains(status.Error, theirs.ID()) || status.NotAfter.IsZero() {
			t.Errorf("%s: the status is %+v, want that it serves on, and that the key %s is missing", file, status,
				theirs.ID())
		}
		a := &attempt{host: h}
		a.lock, _ = source.options.Store.Lock(t.Context(), "a.test")
		if err := a.permit(t.Context(), true); file == "a.test.pem" && !errors.As(err, new(*store.SealedError)) {
			t.Errorf("a certificate is asked for: %v", err)
		}
		a.lock.Unlock(t.Context())
		if err := other.Remove(t.Context(), file); err != nil {
			t.Fatal(err)
		}
	}
	if !h.opens(t.Context()) || source.Status()[0].Error != "" {
		t.Errorf("when nothing is closed any more, the status is %+v", source.Status()[0])
	}
}

// A store from before there was a key, and one whose key was changed.
func TestAStartSealsWhatIsStoredWithTheNewestKey(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	_, plain := sealedSource(t, dir, nil)
	putCertificate(t, plain)
	for _, keys := range [][]setting.CacheKey{nil, {ours}, {theirs, ours}, {theirs}} {
		source, slot := sealedSource(t, dir, nil, keys...)
		h := source.hosts[0]
		h.record.Next = time.Now().Add(time.Hour)
		ctx, cancel := context.WithCancel(t.Context())
		if !h.load(ctx) || h.now().served.Certificate == nil {
			t.Errorf("with the keys %v, what is stored is not read: %s", keys, h.status().Error)
		}
		cancel()
		got, err := slot.Survey(t.Context(), []string{"account.key", "a.test.pem", "a.test.json"})
		if err != nil || got != (store.Survey{}) {
			t.Errorf("with the keys %v, what is stored is counted as %+v (%v)", keys, got, err)
		}
	}
}
