package handlers

import (
	"context"
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestAPasswordIsKnownByItsHash(t *testing.T) {
	t.Parallel()
	h := newHashes()
	hash, err := h.of(goodPassword)
	if err != nil {
		t.Fatal(err)
	}
	again, _ := h.of(goodPassword)
	if hash == again {
		t.Error("two hashes of one password are the same: there is no salt")
	}
	older := olderHash(t, h)
	for _, test := range []struct {
		u        *user
		password string
		want     bool
	}{
		{&user{Hash: hash}, goodPassword, true},
		{&user{Hash: hash}, goodPassword + " ", false},
		{nil, goodPassword, false},
		{&user{}, "", false}, // no password was set yet
		{&user{Hash: older}, goodPassword, true},
	} {
		if got, err := h.match(test.u, test.password); got != test.want || err != nil {
			t.Errorf("%q matches %+v: %v %v, want %v", test.password, test.u, got, err, test.want)
		}
	}
	if _, err := h.match(&user{Hash: "$2y$10$abcdefgHIJ"}, goodPassword); err == nil {
		t.Error("a hash of another kind is no error")
	}
}

// olderHash returns a hash of goodPassword that was made when the parameters were others.
func olderHash(t *testing.T, h hashes) string {
	t.Helper()
	sum, err := h.sum(goodPassword, []byte("some salt"), 1, 64)
	if err != nil {
		t.Fatal(err)
	}
	return "$argon2id$v=19$m=64,t=1,p=1$" + base64.RawStdEncoding.EncodeToString([]byte("some salt")) + "$" +
		base64.RawStdEncoding.EncodeToString(sum)
}

// When an owner raises the parameters, hashes follow as their users sign in. Their other sessions go on.
func TestAnOlderHashIsRenewedAtTheNextSignIn(t *testing.T) {
	t.Parallel()
	site, a, _ := startWithMail(t)
	ada := address("ada")
	register(t, site, ada)
	hash := func() string {
		u, err := a.users.find(ada)
		if err != nil {
			t.Fatal(err)
		}
		return u.Hash
	}
	older := olderHash(t, a.hashes)
	if _, err := a.users.update(ada, func(u *user) error { u.Hash = older; return nil }); err != nil {
		t.Fatal(err)
	}
	if got := signIn(site.Visitor(), ada, "a wrong password"); got != 422 || hash() != older {
		t.Errorf("a wrong password got %d, and the hash is %q", got, hash())
	}
	got, newer := signIn(site.Visitor(), ada, goodPassword), hash()
	if got != 303 || !strings.HasPrefix(newer, hashBegin) || !isSignedIn(t, site) {
		t.Errorf("signing in got %d, and the hash is %q", got, newer)
	}
	if got := signIn(site.Visitor(), ada, goodPassword); got != 303 || hash() != newer {
		t.Errorf("signing in again got %d, and the hash is %q, want the same", got, hash())
	}
}

// A wrong address and a wrong password take the same time, because both are hashed: with every processor busy, both are
// turned away.
func TestAtMostAsManyHashesAtOnceAsProcessors(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHashes()
		for range cap(h.slots) {
			h.slots <- struct{}{}
		}
		for _, u := range []*user{nil, {}, {Hash: "$argon2id$v=19$m=16,t=2,p=1$c29tZXNhbHQ$WXSqLuhLMsYRMDtFsJLxVw"}} {
			_, err := h.match(u, goodPassword)
			status, ok := errors.AsType[interface {
				error
				Answer() (int, string)
			}](err)
			if !ok {
				t.Fatalf("got %v, want a status", err)
			}
			if code, _ := status.Answer(); code != 503 {
				t.Errorf("got %d, want 503", code)
			}
		}
		time.AfterFunc(time.Second, func() { <-h.slots })
		if _, err := h.match(nil, goodPassword); err != nil {
			t.Errorf("a place that becomes free is not taken: %v", err)
		}
	})
}

func TestGuessesAreDelayedAndTheOwnerIsNotLockedOut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var a attempts
		wait := func(address string) time.Duration {
			began := time.Now()
			if err := a.wait(t.Context(), "ada@site.test", address); err != nil {
				t.Fatal(err)
			}
			return time.Since(began)
		}
		var waits []time.Duration
		for range 12 {
			waits = append(waits, wait("192.0.2.1"))
		}
		for i, want := range []time.Duration{0, 0, 0, 0, 0, 500, 1000, 2000, 4000, 8000, 16000, 16000} {
			if waits[i] != want*time.Millisecond {
				t.Errorf("attempt %d waits %s, want %s", i+1, waits[i], want*time.Millisecond)
			}
		}
		if got := wait("198.51.100.7"); got != 0 {
			t.Errorf("the owner waits %s elsewhere", got)
		}
		for i := range 200 {
			a.count(attempt{"ada@site.test", string(rune('a' + i))})
			a.count(attempt{account: "ada@site.test"})
		}
		if got := wait("198.51.100.8"); got > 2*time.Second {
			t.Errorf("the owner waits %s while many addresses guess", got)
		}
		a.forget("ada@site.test", "192.0.2.1")
		if got := wait("192.0.2.1"); got > 2*time.Second {
			t.Errorf("who knew the password waits %s", got)
		}
		gone, leave := context.WithCancel(t.Context())
		leave()
		for range 6 {
			a.count(attempt{"eve@site.test", ""})
		}
		if err := a.wait(gone, "ada@site.test", "192.0.2.2"); err == nil {
			t.Error("an attempt goes on for a visitor who has left")
		}
	})
}

func TestAttemptsTakeBoundedMemory(t *testing.T) {
	t.Parallel()
	var a attempts
	for i := range 3 * attemptsKept {
		a.count(attempt{"ada@site.test", string(rune(i))})
	}
	if len(a.made) > attemptsKept {
		t.Errorf("%d counters are kept, want at most %d", len(a.made), attemptsKept)
	}
}
