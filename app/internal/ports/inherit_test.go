//go:build unix

package ports

import (
	"fmt"
	"net"
	"os"
	"testing"

	"example.com/turnkey/app/settings"
)

func TestUnnamedSocketsAreMatchedByPortThenByOrder(t *testing.T) {
	t.Parallel()
	a4, a6 := pair(t)
	b, c := loopback(t), loopback(t)
	at := func(ln net.Listener) string { return fmt.Sprintf(":%d", portNumber(ln)) }
	for _, test := range []struct {
		name        string
		cfg         settings.Settings
		sockets     []Socket
		https, http string
		faults      int
	}{
		{"order", settings.Settings{}, []Socket{{listener: a4}, {listener: b}}, at(a4), at(b), 0},
		{"two addresses, one port", settings.Settings{}, []Socket{{listener: a4}, {listener: a6}, {listener: b}}, at(a4) + at(a6), at(b), 0},
		{"port", settings.Settings{HTTPSAddr: at(b), HTTPAddr: at(a4)}, []Socket{{listener: a4}, {listener: a6}, {listener: b}}, at(b), at(a4) + at(a6), 0},
		{"one port", settings.Settings{HTTPSAddr: ":1", HTTPAddr: at(c)}, []Socket{{listener: b}, {listener: c}}, at(b), at(c), 0},
		{"one name", settings.Settings{}, []Socket{{listener: b}, {Name: "https", listener: c}}, at(c), at(b), 0},
		{"proxy mode", settings.Settings{Mode: "proxy"}, []Socket{{listener: b}}, "", at(b), 0},
		{"one too many", settings.Settings{}, []Socket{{listener: a4}, {listener: b}, {listener: c}}, at(a4), at(b), 1},
	} {
		for i := range test.sockets { // each case closes its own
			ln, err := net.FileListener(file(t, test.sockets[i].listener))
			if err != nil {
				t.Fatal(err)
			}
			test.sockets[i].listener = ln
		}
		set := New(test.cfg)
		faults := set.Inherit(test.sockets, func(string) bool { return true })
		ports := func(group []net.Listener) (s string) {
			for _, ln := range group {
				s += at(ln)
			}
			return s
		}
		if https, http := ports(set.HTTPS.Listeners), ports(set.HTTP.Listeners); https != test.https || http != test.http || len(faults) != test.faults {
			t.Errorf("%s: https %s, http %s and %v; want https %s, http %s and %d faults", test.name, https, http, faults, test.https, test.http, test.faults)
		}
		set.Close()
	}
}

// A socket that stayed open without a port would take connections that are never answered.
func TestSocketsThatAreNotUsedAreClosed(t *testing.T) {
	t.Parallel()
	outdated, nameless, used := loopback(t), loopback(t), loopback(t)
	set := New(settings.Settings{HTTPSAddr: "127.0.0.1:0", HTTPAddr: "localhost:1"})
	faults := set.Inherit([]Socket{{Name: "https", listener: outdated}, {Name: "metrics", listener: nameless}, {Name: "http", listener: used}},
		func(name string) bool { return name != "https" })
	if len(faults) != 1 || faults[0].Value != "metrics" || len(set.HTTPS.Listeners) > 0 || len(set.HTTP.Listeners) != 1 {
		t.Errorf("got %v, https on %q and http on %q", faults, set.HTTPS.Addresses(), set.HTTP.Addresses())
	}
	for name, ln := range map[string]net.Listener{"not wanted": outdated, "of no port": nameless} {
		if _, err := ln.(*net.TCPListener).File(); err == nil {
			t.Errorf("a socket that is %s is still open", name)
		}
	}
	if set.HTTP.Addr != used.Addr().String() {
		t.Errorf("the address of http is %q, want that of its socket", set.HTTP.Addr)
	}
	set.DoNotOpen()
	if notes, faults := set.Open(); len(notes)+len(faults)+len(set.HTTPS.Listeners) > 0 {
		t.Errorf("Open gave %v and %v after DoNotOpen, and https on %q", notes, faults, set.HTTPS.Addresses())
	}
}

func loopback(t *testing.T) net.Listener {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	return ln
}

// pair opens the same port on both loopback addresses.
func pair(t *testing.T) (v4, v6 net.Listener) {
	t.Helper()
	group, err := listen("localhost:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, ln := range group {
			ln.Close()
		}
	})
	if len(group) != 2 {
		t.Skip("no IPv6 here")
	}
	return group[0], group[1]
}

// file returns a copy of a socket that can be passed to another process.
func file(t *testing.T, socket any) *os.File {
	t.Helper()
	f, err := socket.(interface{ File() (*os.File, error) }).File()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}
