package truststore

import (
	"context"
	"errors"
	"testing"
)

// fake is a store that keeps what it is told to in memory.
type fake struct {
	scope          Scope
	has, deaf      bool // deaf: Add has no effect
	err            error
	added, removed int
}

func (f *fake) Info() Info                        { return Info{"a program", "a place", f.scope, "a command"} }
func (f *fake) Restart() string                   { return "" }
func (f *fake) Has(context.Context) (bool, error) { return f.has, nil }

func (f *fake) Add(context.Context) error {
	f.added++
	f.has = f.err == nil && !f.deaf
	return f.err
}

func (f *fake) Remove(context.Context) (string, error) {
	f.removed++
	f.has = f.has && f.err != nil
	return "removed", f.err
}

func TestTrust(t *testing.T) {
	for _, test := range []struct {
		name   string
		store  fake
		system bool
		want   Row
		added  int
	}{
		{"new", fake{scope: User}, false, Row{Status: Trusted}, 1},
		{"already there", fake{scope: User, has: true}, false, Row{Status: Trusted}, 0},
		{"claims only", fake{scope: User, deaf: true}, false,
			Row{Status: Failed, Why: "the certificate was added, but the store does not accept it", Next: "try again, or by hand: a command"}, 1},
		{"fails", fake{scope: User, err: errors.Join(errors.New("one"), errors.New("two"))}, false,
			Row{Status: Failed, Why: "one; two", Next: "try again, or by hand: a command"}, 1},
		{"blocked", fake{scope: User, err: &Blocked{"why", "next"}}, false, Row{Status: NotTrusted, Why: "why", Next: "next"}, 1},
		{"system, not asked for", fake{scope: System}, false,
			Row{Status: NotTrusted, Why: "left alone: it needs an administrator", Next: "make trust SYSTEM=1"}, 0},
		{"system", fake{scope: System}, true, Row{Status: Trusted}, 1},
	} {
		last := fake{scope: User}
		rows := Trust(t.Context(), &Host{}, []Store{&test.store, &last}, test.system)
		test.want.Info = test.store.Info()
		if rows[0] != test.want || test.store.added != test.added {
			t.Errorf("%s: %+v after %d times, want %+v after %d", test.name, rows[0], test.store.added, test.want, test.added)
		}
		if rows[1].Status != Trusted {
			t.Errorf("%s: kept the next store from being trusted: %+v", test.name, rows[1])
		}
	}
}

func TestUntrust(t *testing.T) {
	for _, test := range []struct {
		name    string
		store   fake
		system  bool
		want    Row
		removed int
	}{
		{"there", fake{scope: User, has: true}, false, Row{Status: NotTrusted, Why: "removed"}, 1},
		{"fails", fake{scope: User, has: true, err: errors.New("oh")}, false,
			Row{Status: Failed, Why: "oh", Next: "try again, or by hand: a command"}, 1},
		{"blocked", fake{scope: User, has: true, err: &Blocked{"why", "next"}}, false, Row{Status: Unchanged, Why: "why", Next: "next"}, 1},
		{"system, not asked for", fake{scope: System, has: true}, false,
			Row{Status: Trusted, Why: "left alone: it needs an administrator", Next: "make untrust SYSTEM=1"}, 0},
		{"system, not there", fake{scope: System}, false, Row{Status: NotTrusted, Why: "was not there"}, 0},
		{"system", fake{scope: System, has: true}, true, Row{Status: NotTrusted, Why: "removed"}, 1},
	} {
		last := fake{scope: User, has: true}
		rows := Untrust(t.Context(), &Host{}, []Store{&test.store, &last}, test.system)
		test.want.Info = test.store.Info()
		if rows[0] != test.want || test.store.removed != test.removed {
			t.Errorf("%s: %+v after %d times, want %+v after %d", test.name, rows[0], test.store.removed, test.want, test.removed)
		}
		if last.has {
			t.Errorf("%s: kept the next store from being untrusted", test.name)
		}
	}
}
