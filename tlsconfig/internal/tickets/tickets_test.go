package tickets

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"example.com/turnkey/tlsconfig/chain/chaintest"
	"example.com/turnkey/tlsconfig/internal/store"
	"example.com/turnkey/tlsconfig/setting"
)

// The servers rotate one after the other, so the periods of their clocks differ meanwhile.
func TestSessionsResumeOnEveryServerBeforeDuringAndAfterARotation(t *testing.T) {
	t.Parallel()
	const many = 200 // sessions
	f := newFleet(t)
	old := f.begin(many, f.servers[0])
	look := func(when string) {
		t.Helper()
		if got := f.resumed(old, f.servers[1:]...); got != many {
			t.Errorf("%s, %d of %d sessions resume on the others", when, got, many)
		}
		for i, s := range f.servers {
			if got := f.resumed(f.begin(5, s), f.servers...); got != 5 {
				t.Errorf("%s, %d of 5 sessions that begin on server %d resume on all", when, got, i+1)
			}
		}
	}
	look("before")
	for i, s := range f.servers {
		s.clock = s.clock.Add(period)
		f.refresh(s)
		if i == 0 {
			look("in the middle of a rotation")
		}
	}
	look("after it")
	f.servers = []*server{f.start(), f.start(), f.start()}
	look("after a restart of all")
}

func TestATicketOfThreePeriodsAgoIsRefused(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	old := f.begin(1, f.servers[0])
	for passed := 1; passed <= 3; passed++ {
		f.pass(1)
		if got := f.resumed(old, f.servers...); (got == 1) != (passed == 1) {
			t.Errorf("after %d periods, %d of 1 sessions resume", passed, got)
		}
	}
	for i, s := range f.servers {
		last := s.period() - 1
		for name, keys := range map[string]map[int64]key{"the server": s.shared, "the store": f.stored()} {
			for of := range keys {
				if of < last {
					t.Errorf("server %d: %s still has a key that is %d periods old", i+1, name, last+1-of)
				}
			}
		}
	}
}

// A ticket of TLS 1.2 would have the secret of what was recorded.
func TestAClientWithoutTLS13GetsNoTicket(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	for range 20 {
		s := newSession(tls.VersionTLS12)
		f.visit(s, f.servers[0])
		if f.visit(s, f.servers[0]) || s.ticket != nil {
			t.Fatal("it got a ticket")
		}
	}
}

func TestWithoutTheStoreTheLastSharedKeyServesForSevenDays(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	a, b := f.servers[0], f.servers[1]
	folder := filepath.Join(f.dir, "ca.test")
	if err := os.Rename(folder, folder+"-away"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(folder, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	// The key of the next period is held when the store goes away. It is seven days old after 15 periods.
	var old []*session
	for passed := range int(longest) {
		old = f.begin(1, a)
		if got := f.resumed(old, f.servers...); got != 1 {
			t.Errorf("%d periods after the store went away, sessions do not resume on other servers", passed)
		}
		f.pass(1)
		if got := f.resumed(old, a); got != 1 {
			t.Errorf("%d periods after the store went away, a session of the last one does not resume", passed+1)
		}
	}
	alone := f.begin(1, a)
	if f.resumed(alone, b) != 0 || f.resumed(alone, a) != 1 {
		t.Error("after seven days, the servers do not have keys of their own")
	}
	f.pass(1)
	if f.resumed(old, a) != 0 {
		t.Error("the shared key is held for longer")
	}
	f.pass(1)
	if f.resumed(alone, a) != 0 {
		t.Error("a server's own key is held for more than the next period")
	}
	alone = f.begin(1, a)
	if err := os.Remove(folder); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(folder+"-away", folder); err != nil {
		t.Fatal(err)
	}
	f.pass(0)
	if got := f.resumed(f.begin(5, a), f.servers...); got != 5 {
		t.Errorf("the store is back, and %d of 5 sessions resume on all", got)
	}
	if f.resumed(alone, a) != 1 {
		t.Error("a session from before the store was back does not resume where it began")
	}
	if log := a.log.String(); strings.Count(log, "level=WARN") != 1 || strings.Count(log, "level=INFO") != 1 {
		t.Errorf("the log does not say once that the store was away, and that it is back:\n%s", log)
	}
}

// Redis may be restarted without its data.
func TestAStoreThatWasEmptiedGetsTheKeysBack(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	f.pass(1)
	old, kept := f.begin(5, f.servers[0]), f.stored()
	if err := os.Remove(f.file()); err != nil {
		t.Fatal(err)
	}
	f.refresh(f.servers[1])
	for of, key := range kept {
		if f.stored()[of] != key {
			t.Errorf("the key of period %d is lost", of)
		}
	}
	if got := f.resumed(old, f.start()); got != 5 {
		t.Errorf("%d of 5 sessions resume on a server that was started then", got)
	}
}

func TestWhatIsNoKeyIsMadeAgain(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	short := fmt.Sprintf(`{"%d":"A"}`, f.servers[0].period())
	for _, spoiled := range []string{"", "{", short, "[]", "null", `{"9":7}`} {
		if err := os.WriteFile(f.file(), []byte(spoiled), 0o600); err != nil {
			t.Fatal(err)
		}
		f.pass(0)
		if got := f.resumed(f.begin(1, f.servers[0]), f.servers...); got != 1 || len(f.stored()) < 2 {
			t.Errorf("with %q in the store, %d of 1 sessions resume, and it has %d keys", spoiled, got, len(f.stored()))
		}
		if data, err := os.ReadFile(f.file()); err != nil || strings.Contains(string(data), `"A"`) {
			t.Errorf("with %q in the store, it is used (%v)", spoiled, err)
		}
	}
}

func TestServersThatStartAtOnceHaveTheSameKeys(t *testing.T) {
	t.Parallel()
	f := &fleet{T: t, dir: t.TempDir()}
	now := time.Now()
	var all [20]*Keys
	var wg sync.WaitGroup
	for i := range all {
		all[i] = New(f.slot(), slog.New(slog.DiscardHandler))
		all[i].now = func() time.Time { return now }
		wg.Go(func() {
			for all[i].Refresh(t.Context()) != nil {
				time.Sleep(time.Millisecond)
			}
		})
	}
	wg.Wait()
	for i, k := range all {
		if !maps.Equal(k.shared, all[0].shared) || len(k.shared) != 2 {
			t.Errorf("server %d has other keys than the first", i+1)
		}
	}
}

func TestKeysAreSealedWithTheNewestKeyOfTheStore(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var held map[int64]key
	for _, seals := range [][]setting.CacheKey{nil, {{1}}, {{2}, {1}}, {{2}}} {
		synctest.Test(t, func(t *testing.T) { // its clock waits for the store
			slot, err := store.Config{Where: dir, Keys: seals}.Open("https://ca.test")
			if err != nil {
				t.Fatal(err)
			}
			k := New(slot, slog.New(slog.DiscardHandler))
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			k.Run(ctx)
			if held == nil {
				held = k.shared
			}
			if !maps.Equal(k.shared, held) || len(held) == 0 {
				t.Errorf("with the keys %v, they are not those that were made first", seals)
			}
			if got, err := slot.Survey(t.Context(), []string{File}); err != nil || got != (store.Survey{}) {
				t.Errorf("with the keys %v, they are kept as %+v (%v)", seals, got, err)
			}
		})
	}
}

// Helpers

// fleet is three servers of one site.
type fleet struct {
	*testing.T
	dir     string
	pair    tls.Certificate
	servers []*server
}

// server is one of them, with a clock of its own.
type server struct {
	*Keys
	addr  string
	clock time.Time
	log   bytes.Buffer
}

func newFleet(t *testing.T) *fleet {
	t.Helper()
	f := &fleet{T: t, dir: t.TempDir()}
	var err error
	if f.pair, err = tls.X509KeyPair(chaintest.New(t, "a.test").Good()); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		f.servers = append(f.servers, f.start())
	}
	return f
}

func (f *fleet) slot() *store.Slot {
	f.Helper()
	s, err := store.Config{Where: f.dir}.Open("https://ca.test")
	if err != nil {
		f.Fatal(err)
	}
	return s
}

func (f *fleet) file() string { return filepath.Join(f.dir, "ca.test", File) }

// stored is what the store has.
func (f *fleet) stored() map[int64]key {
	f.Helper()
	keys, err := (&Keys{slot: f.slot()}).read(f.Context())
	if err != nil {
		f.Fatal(err)
	}
	return keys
}

// start starts a server in the middle of a period: the one that the fleet is in. It sends one byte to each client.
func (f *fleet) start() *server {
	f.Helper()
	s := &server{clock: time.Now().Truncate(period).Add(period / 2)}
	if len(f.servers) > 0 {
		s.clock = f.servers[0].clock
	}
	s.Keys = New(f.slot(), slog.New(slog.NewTextHandler(&s.log, nil)))
	s.now = func() time.Time { return s.clock }
	s.rotate(s.period()) // by its own clock
	config := s.Use(&tls.Config{Certificates: []tls.Certificate{f.pair}})
	s.addr = chaintest.Serve(f, config.Clone()) // as ServeTLS of net/http does
	f.refresh(s)
	return s
}

func (f *fleet) refresh(s *server) {
	f.Helper()
	if err := s.Refresh(f.Context()); err != nil {
		f.Fatal(err)
	}
}

// pass lets time pass on all servers. The store may be away.
func (f *fleet) pass(periods int) {
	for _, s := range f.servers {
		s.clock = s.clock.Add(time.Duration(periods) * period)
		if err := s.Refresh(f.Context()); err != nil && !strings.Contains(err.Error(), "not a directory") {
			f.Fatal(err)
		}
	}
}

// session is a visitor's. It keeps its first ticket.
type session struct {
	config *tls.Config
	ticket *tls.ClientSessionState
}

func newSession(version uint16) *session {
	s := &session{}
	s.config = &tls.Config{ServerName: "a.test", InsecureSkipVerify: true, MaxVersion: version, ClientSessionCache: s,
		CurvePreferences: []tls.CurveID{tls.X25519}} // ML-KEM is slow under the race detector
	return s
}

func (s *session) Get(string) (*tls.ClientSessionState, bool) { return s.ticket, s.ticket != nil }
func (s *session) Put(_ string, ticket *tls.ClientSessionState) {
	if s.ticket == nil {
		s.ticket = ticket
	}
}

// begin begins sessions of new visitors.
func (f *fleet) begin(n int, at *server) (out []*session) {
	f.Helper()
	for range n {
		s := newSession(0)
		f.visit(s, at)
		out = append(out, s)
	}
	return out
}

// resumed is how many sessions resume on all servers.
func (f *fleet) resumed(sessions []*session, servers ...*server) (n int) {
	f.Helper()
	for _, session := range sessions {
		all := true
		for _, s := range servers {
			all = f.visit(session, s) && all
		}
		if all {
			n++
		}
	}
	return n
}

// visit reports whether the session was resumed.
func (f *fleet) visit(s *session, at *server) bool {
	f.Helper()
	conn, err := tls.DialWithDialer(&net.Dialer{Timeout: 10 * time.Second}, "tcp", at.addr, s.config)
	if err != nil {
		f.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.ReadFull(conn, make([]byte, 1)); err != nil { // the ticket comes before
		f.Fatal(err)
	}
	return conn.ConnectionState().DidResume
}
