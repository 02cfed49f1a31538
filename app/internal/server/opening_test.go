package server

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"example.com/turnkey/app/internal/logs"
	"example.com/turnkey/app/internal/ports"
	"example.com/turnkey/app/kit"
)

// serving runs a server with the probe /healthz. Call stop to stop it and to wait for its end.
func serving(t *testing.T) (s *Server, stop context.CancelFunc, ended <-chan error) {
	t.Helper()
	s = openServer(t, healthz)
	ctx, stop := context.WithCancel(t.Context())
	end := make(chan error, 1)
	go func() { end <- s.Run(ctx, nil) }()
	return s, stop, end
}

// pausing is a client's connection that sends the first bytes of its hello, and the rest once resume is closed.
type pausing struct {
	net.Conn
	begun, resume chan struct{}
	once          bool
}

func (p *pausing) Write(b []byte) (int, error) {
	if p.once {
		return p.Conn.Write(b)
	}
	p.once = true
	n, err := p.Conn.Write(b[:20])
	if err != nil {
		return n, err
	}
	close(p.begun)
	<-p.resume
	rest, err := p.Conn.Write(b[n:])
	return n + rest, err
}

// A stop waits for handshakes that have begun, and for their first request.
func TestAStopServesAHandshakeUnderWay(t *testing.T) {
	t.Parallel()
	for _, protocol := range []string{"h2", "http/1.1"} {
		s, stop, ended := serving(t)
		conn, err := net.Dial("tcp", s.Ports.HTTPS.Addresses())
		if err != nil {
			t.Fatal(err)
		}
		p := &pausing{Conn: conn, begun: make(chan struct{}), resume: make(chan struct{})}
		transport := &http.Transport{ForceAttemptHTTP2: true,
			TLSClientConfig: &tls.Config{InsecureSkipVerify: true, ServerName: "shop.test", NextProtos: []string{protocol}},
			DialContext:     func(context.Context, string, string) (net.Conn, error) { return p, nil }}
		defer transport.CloseIdleConnections()
		answered := make(chan error, 1)
		go func() {
			resp, err := (&http.Client{Transport: transport}).Get("https://shop.test/healthz")
			if err == nil && resp.StatusCode != http.StatusOK {
				err = errors.New(resp.Status)
			}
			answered <- err
		}()
		<-p.begun
		until(t, func() bool { return s.conns.opening.Load() == 1 })
		stop()
		<-s.Stopping()
		until(t, func() bool { _, err := net.Dial("tcp", s.Ports.HTTPS.Addresses()); return err != nil })
		close(p.resume)
		if err := <-answered; err != nil {
			t.Errorf("%s: a handshake that had begun before the stop ended with %v", protocol, err)
		}
		transport.CloseIdleConnections()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if o, n := s.conns.opening.Load(), s.conns.pending.Load(); o != 0 || n != 0 {
			t.Errorf("%s: %d connections count as opening and %d as pending after the end", protocol, o, n)
		}
	}
}

// until waits for a condition.
func until(t *testing.T, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it did not happen within 10 s")
		}
	}
}

// Silent clients do not make a stop longer than SHUTDOWN_GRACE, which is one second here.
func TestAStopDoesNotWaitForSilentClientsBeyondItsGrace(t *testing.T) {
	t.Parallel()
	s, stop, ended := serving(t)
	conn, err := net.Dial("tcp", s.Ports.HTTPS.Addresses())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	until(t, func() bool { return s.conns.opening.Load() == 1 })
	begin := time.Now()
	stop()
	<-ended
	if took := time.Since(begin); took > headerTimeout-time.Second {
		t.Errorf("the stop took %s, want SHUTDOWN_GRACE", took)
	}
	if _, err := conn.Read(make([]byte, 1)); err == nil {
		t.Error("the silent client is still connected")
	}
}

// A connection whose handshake is over waits for an Accept that comes late, and a client that says nothing does not
// keep the others.
func TestFinishedHandshakesWaitForALateAccept(t *testing.T) {
	t.Parallel()
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := openServer(t, func(*gin.Engine, kit.Server) error { return nil })
	ln := &opening{Listener: ports.Conns(inner, nil, nil), server: s, tls: s.served[0].tls}
	dial := func() *tls.Conn {
		conn, err := tls.Dial("tcp", inner.Addr().String(), &tls.Config{InsecureSkipVerify: true, ServerName: "shop.test"})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		return conn
	}
	accepted := make(chan error)
	go func() {
		_, err := ln.Accept()
		accepted <- err
	}()
	dial()
	if err := <-accepted; err != nil {
		t.Fatal(err)
	}
	silent, err := net.Dial("tcp", inner.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	const visitors = 50
	for range visitors { // no one accepts meanwhile
		dial().Write([]byte("."))
	}
	inner.Close()
	for range visitors {
		conn, err := ln.Accept()
		if err != nil {
			t.Fatal(err)
		}
		if b, err := bufio.NewReader(conn).ReadByte(); b != '.' {
			t.Errorf("read %q, %v", b, err)
		}
		s.conns.opened(conn)
		conn.Close()
		s.conns.remove(conn)
	}
	silent.Close()
	if conn, err := ln.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("got %v, %v after the last, want the error of the listener", conn, err)
	}
}

// At the limit new clients get in once the oldest silent ones have had a second.
func TestTheOldestSilentClientsMakeRoom(t *testing.T) {
	t.Parallel()
	var c conns
	begin := time.Now()
	idle, visitor := net.Pipe()
	c.opened(idle) // it has waited longest, for its next request
	var first, last net.Conn
	for i := range maxOpening {
		near, far := net.Pipe()
		c.add(near, true)
		if last = far; i == 0 {
			first = far
		}
		go func() { // as open does
			near.Read(make([]byte, 1))
			c.remove(near)
		}()
	}
	c.makeRoomToOpen()
	if took := time.Since(begin); took < minIdle || took > 3*minIdle {
		t.Errorf("room came after %s, want %s", took, minIdle)
	}
	if n := c.opening.Load(); n >= maxOpening || n < maxOpening/2 {
		t.Errorf("%d are opening, want a few less than %d", n, maxOpening)
	}
	if _, err := first.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("the oldest got %v, want the end of the connection", err)
	}
	for name, peer := range map[string]net.Conn{"the newest": last, "a connection that is open": visitor} {
		peer.SetReadDeadline(time.Now())
		if _, err := peer.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%s got %v, want that it stays", name, err)
		}
	}
	c.closeOpening()
	until(t, func() bool { return c.opening.Load() == 0 && c.pending.Load() == 1 && c.closing.Load() == 0 })
}

// net/http recovered from a panic in a handshake. So must its successor, or one client could end the site.
func TestAPanicInAHandshakeEndsThatConnectionAlone(t *testing.T) {
	t.Parallel()
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer inner.Close()
	s := openServer(t, func(*gin.Engine, kit.Server) error { return nil })
	var out bytes.Buffer
	s.Log = slog.New(slog.NewTextHandler(&out, nil))
	s.handshakes = logs.NewHandshakes(s.Log, false)
	config := s.served[0].tls.Clone()
	config.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) { panic("a broken hook") }
	ln := &opening{Listener: ports.Conns(inner, nil, nil), server: s, tls: config}
	go ln.Accept()
	conn, err := net.Dial("tcp", inner.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := tls.Client(conn, &tls.Config{InsecureSkipVerify: true}).Handshake(); err == nil {
		t.Error("the handshake succeeded, so this shows nothing")
	}
	until(t, func() bool { return s.conns.opening.Load() == 0 })
	if text := out.String(); !strings.Contains(text, "level=ERROR") || !strings.Contains(text, "a broken hook") {
		t.Errorf("the log says %q", text)
	}
}
