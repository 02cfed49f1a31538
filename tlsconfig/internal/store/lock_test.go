package store

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestOneProcessHasTheLockOfADirectory(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first, second := Config{Where: dir}.Existing("https://ca.test"), Config{Where: dir}.Existing("https://ca.test")
	lock, err := first.Lock(t.Context(), "a.test")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := second.Lock(t.Context(), "a.test"); !errors.Is(err, ErrHeld) {
		t.Errorf("a second lock of the same host: %v, want ErrHeld", err)
	}
	other, err := second.Lock(t.Context(), "b.test")
	if err != nil {
		t.Fatalf("a lock of another host: %v", err)
	}
	for _, l := range []*Lock{lock, other} {
		if err := l.Unlock(t.Context()); err != nil {
			t.Error(err)
		}
	}
	again, err := second.Lock(t.Context(), "a.test")
	if err != nil {
		t.Fatalf("after it was given back: %v", err)
	}
	again.Unlock(t.Context())
}

func TestAllThatCreateAFileGetTheSame(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	slot := Config{Where: dir}.Existing("https://ca.test")
	if err := slot.Put(t.Context(), "account.key", "", []byte("spoiled"), 0); err != nil {
		t.Fatal(err)
	}
	var got [20]string
	var wg sync.WaitGroup
	for i := range got {
		wg.Go(func() {
			slot := Config{Where: dir}.Existing("https://ca.test")
			data, err := slot.Create(t.Context(), "account.key", fmt.Append(nil, "key ", i),
				func(data []byte) bool { return string(data) != "spoiled" })
			if err != nil {
				t.Error(err)
			}
			got[i] = string(data)
		})
	}
	wg.Wait()
	for _, data := range got {
		if data != got[0] || data == "spoiled" {
			t.Fatalf("the processes have %q, want one key", got)
		}
	}
	bad, err := slot.Get(t.Context(), "account.key.bad")
	if err != nil || string(bad) != "spoiled" {
		t.Errorf("the spoiled key is %q (%v), want it set aside", bad, err)
	}
}

func TestAFileSystemWithoutLocksKeepsAFile(t *testing.T) {
	t.Parallel()
	slot := Config{Where: t.TempDir()}.Existing("https://ca.test")
	if err := slot.Put(t.Context(), "account.key.lock/in the way", "", nil, 0); err != nil {
		t.Fatal(err)
	}
	usable := func([]byte) bool { return true }
	for _, key := range []string{"first", "second"} {
		if got, err := slot.Create(t.Context(), "account.key", []byte(key), usable); err != nil || string(got) != "first" {
			t.Errorf("the key is %q (%v), want the first", got, err)
		}
	}
}

// away is a store whose lock can be taken and, from then on, does not answer.
type away struct{ backend }

func (away) lock(context.Context, string) (hold, error) { return away{}, nil }
func (away) fence() int64                               { return 7 }
func (away) extend(context.Context) error               { return errors.New("no answer") }
func (away) release(context.Context) error              { return nil }

func TestALockIsGivenUpBeforeItsLeaseEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		slot := &Slot{backend: away{}, shared: true, name: "ca.test"}
		lock, err := slot.Lock(t.Context(), "a.test")
		if err != nil || lock.Fence() != 7 {
			t.Fatalf("the lock: fence %d, %v", lock.Fence(), err)
		}
		time.Sleep(lease - safety - time.Second)
		if err := lock.Held(); err != nil {
			t.Errorf("a second before: %v", err)
		}
		time.Sleep(2 * time.Second)
		if err := lock.Held(); !errors.Is(err, ErrLost) {
			t.Errorf("%s before the lease ends: %v, want ErrLost", safety-time.Second, err)
		}
		lock.Unlock(t.Context())
	})
}

// late is a store whose answers come after the caller has stopped waiting for them.
type late struct {
	backend
	released chan bool
}

func (l late) lock(context.Context, string) (hold, error) {
	time.Sleep(2 * timeout)
	return l, nil
}
func (l late) changes(context.Context, string, int64) ([]string, int64, error) {
	time.Sleep(2 * timeout)
	return []string{"a.test"}, 1, nil
}
func (late) fence() int64                 { return 1 }
func (late) extend(context.Context) error { return nil }
func (l late) release(context.Context) error {
	l.released <- true
	return nil
}

func TestALockThatComesTooLateIsGivenBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		released := make(chan bool, 1)
		slot := &Slot{backend: late{released: released}, shared: true, name: "ca.test"}
		if _, err := slot.Lock(t.Context(), "a.test"); err == nil {
			t.Error("a lock that came after the time was taken")
		}
		if names, _, _, err := slot.Changes(t.Context(), 0); err == nil || names != nil {
			t.Errorf("the changes are %q (%v), want none", names, err)
		}
		<-released
		time.Sleep(2 * timeout) // the other call ends too
	})
}
