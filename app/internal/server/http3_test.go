package server

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/quic-go/quic-go"

	"example.com/turnkey/app/internal/ports"
	"example.com/turnkey/app/settings"
	"example.com/turnkey/tlsconfig"
	"example.com/turnkey/tlsconfig/chain/chaintest"
)

// QUIC connections take no file descriptor, so nothing else bounds their number.
func TestQUICConnectionsAreBounded(t *testing.T) {
	t.Parallel()
	q := &quicServer{server: &Server{}}
	ctx, end := context.WithCancel(t.Context())
	for i := range maxQUIC {
		if _, err := q.admit(ctx, nil); err != nil {
			t.Fatalf("connection %d is refused", i+1)
		}
	}
	if _, err := q.admit(t.Context(), nil); err == nil {
		t.Error("one too many is not refused")
	}
	end()
	for q.conns.Load() > 0 {
	}
	if _, err := q.admit(t.Context(), nil); err != nil {
		t.Error("one is refused after the others have ended")
	}
}

// A request counts once its header has arrived: streams without one keep no connection open.
func TestAQUICConnectionWithoutARequestIsClosed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		closed := make(chan struct{})
		c := newQUICConn(t.Context(), func() { close(closed) })
		open := func(when string, after time.Duration) {
			t.Helper()
			select {
			case <-closed:
				t.Errorf("it is closed %s", when)
			case <-time.After(after):
			}
		}
		open("early", idleTimeout-time.Second)
		c.begin(t.Context())
		c.begin(t.Context())
		open("during a request", 2*idleTimeout)
		c.end()
		open("during the second one", 2*idleTimeout)
		c.end()
		open("right after it", idleTimeout-time.Second)
		select {
		case <-closed:
		case <-time.After(2 * time.Second):
			t.Error("it stays open")
		}
	})
}

// A client can leave while its request is being answered. The timer would keep the connection in memory.
func TestAQUICConnectionThatHasEndedIsForgotten(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, end := context.WithCancel(t.Context())
		c := newQUICConn(ctx, func() { t.Error("it is closed again") })
		c.begin(t.Context())
		end()
		synctest.Wait()
		c.end()
		time.Sleep(2 * idleTimeout)
	})
}

// What clients may send ahead of what is read is kept in memory.
func TestQUICWindowsGrowWithinABound(t *testing.T) {
	t.Parallel()
	q := &quicServer{}
	ctx, end := context.WithCancel(t.Context())
	if !q.mayGrow(t.Context(), maxQUICGrowth/2) || !q.mayGrow(ctx, maxQUICGrowth/2) || q.mayGrow(ctx, 1) {
		t.Errorf("windows have grown by %d, want %d", q.growth.Load(), maxQUICGrowth)
	}
	end()
	for q.growth.Load() > maxQUICGrowth/2 {
	}
	if !q.mayGrow(t.Context(), 1) {
		t.Error("a window does not grow after another's connection has ended")
	}
}

// A site that gets its certificate itself has none when it starts. Without the certificate there is no key for resets.
func TestQUICBeginsWithTheCertificate(t *testing.T) {
	t.Parallel()
	pair, err := tls.X509KeyPair(chaintest.New(t, "a.test").Good())
	if err != nil {
		t.Fatal(err)
	}
	q := openQUIC(t, &tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return &pair, nil }})
	source := &certificates{}
	source.missing.Store(true)
	q.server.Source = source
	q.serve()
	dial := func() error {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		conn, err := quic.DialAddr(ctx, q.transports[0].Conn.LocalAddr().String(), &tls.Config{ServerName: "a.test",
			InsecureSkipVerify: true, NextProtos: []string{"h3"}}, nil)
		if err == nil {
			conn.CloseWithError(0, "")
		}
		return err
	}
	if dial() == nil {
		t.Error("there is an answer without a certificate")
	}
	source.missing.Store(false)
	for end := time.Now().Add(20 * time.Second); dial() != nil; {
		if time.Now().After(end) {
			t.Fatal("there is no answer with it")
		}
	}
	if q.transports[0].StatelessResetKey == nil {
		t.Error("there is no key for resets")
	}
}

// crypto/tls renews the keys of session tickets each day. Copies of a configuration would each make their own.
func TestTicketKeysAreSharedWithTCPForEver(t *testing.T) {
	t.Parallel()
	pair, err := tls.X509KeyPair(chaintest.New(t, "a.test").Good())
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	config := &tls.Config{Time: func() time.Time { return now },
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return &pair, nil }}
	q := openQUIC(t, config)
	for day := range 3 {
		now = now.Add(25 * time.Hour)
		unwrap := q.tls.UnwrapSession
		if unwrap == nil {
			unwrap = q.tls.DecryptTicket // as crypto/tls does
		}
		state, err := unwrap(ticketFrom(t, config), tls.ConnectionState{})
		if err != nil || state == nil {
			t.Errorf("day %d: a session that began over TCP is not known over QUIC: %v", day, err)
		}
	}
}

// A site does not end with HTTP/3.
func TestHTTP3IsNotOfferedOnceItsSocketHasFailed(t *testing.T) {
	t.Parallel()
	q := openQUIC(t, &tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return nil, nil }})
	q.serve()
	offered := func() bool {
		w, r := httptest.NewRecorder(), httptest.NewRequest("GET", "https://a.test/", nil)
		q.offered(http.NotFoundHandler()).ServeHTTP(w, r)
		return w.Header().Get("Alt-Svc") != ""
	}
	if !offered() {
		t.Fatal("it is not offered")
	}
	q.transports[0].Conn.Close()
	for end := time.Now().Add(10 * time.Second); offered(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it is still offered")
		}
	}
}

// Helpers

// certificates is a source of which only the status is asked.
type certificates struct {
	tlsconfig.Source
	missing atomic.Bool
}

func (c *certificates) Secret(context.Context) []byte { return []byte("of the site") }

func (c *certificates) Status() []tlsconfig.Status {
	return []tlsconfig.Status{{Ready: !c.missing.Load()}}
}

// openQUIC returns a quicServer with a socket.
func openQUIC(t *testing.T, config *tls.Config) *quicServer {
	t.Helper()
	set := ports.New(settings.Settings{HTTPSAddr: "127.0.0.1:0", HTTP3: true})
	if notes, faults := set.Open(); len(notes)+len(faults) > 0 {
		t.Fatal(notes, faults)
	}
	q := (&Server{Options: Options{Ports: set, Source: &certificates{}, Log: slog.New(slog.DiscardHandler)}}).
		newQUIC(config, http.NotFoundHandler())
	t.Cleanup(func() { q.close(); set.Close() })
	return q
}

// ticketFrom returns the ticket that a client gets from a server with that configuration.
func ticketFrom(t *testing.T, config *tls.Config) []byte {
	t.Helper()
	ours, theirs := net.Pipe()
	defer ours.Close()
	go func() {
		defer theirs.Close()
		tls.Server(theirs, config).Write([]byte("!")) // the ticket comes before
	}()
	cache := tls.NewLRUClientSessionCache(1)
	client := tls.Client(ours, &tls.Config{ServerName: "a.test", InsecureSkipVerify: true, ClientSessionCache: cache, Time: config.Time})
	if _, err := client.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	session, ok := cache.Get("a.test")
	if !ok {
		t.Fatal("no ticket came")
	}
	ticket, _, err := session.ResumptionState()
	if err != nil {
		t.Fatal(err)
	}
	return ticket
}
