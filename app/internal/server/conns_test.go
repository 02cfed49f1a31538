//go:build unix

package server

import (
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

// later is when connections that became idle at the epoch have been idle for minIdle.
const later = int64(2 * minIdle)

// In a flood many connections come before and after a visitor's. Each gets the same time for its handshake.
func TestNewConnectionHasTimeForItsHandshake(t *testing.T) {
	t.Parallel()
	var c conns
	near, far := net.Pipe()
	defer far.Close()
	it := &conn{}
	it.idleSince.Store(later)
	c.byConn.Store(near, it)
	for _, after := range []time.Duration{0, minIdle - 1} {
		if n, wait := c.closeIdle(later + int64(after)); n != 0 || wait != minIdle-after {
			t.Errorf("after %s %d were closed, to wait %s; want none, and the rest of %s", after, n, wait, minIdle)
		}
	}
	if n, wait := c.closeIdle(later + int64(minIdle)); n != 1 || wait != 0 {
		t.Errorf("after %s %d were closed, to wait %s; want 1", minIdle, n, wait)
	}
}

// The connection that has been idle longest is closed first. A connection with a request stays.
func TestTheLongestIdleIsClosedFirst(t *testing.T) {
	t.Parallel()
	var c conns
	var peers []net.Conn
	for i := range 10 {
		near, far := net.Pipe()
		peers = append(peers, far)
		it := &conn{accepted: time.Now()}
		it.idleSince.Store(int64(10 - i)) // the first connection became idle last
		c.byConn.Store(near, it)
		if i == 9 {
			it.setState(http.StateActive)
		}
	}
	for closedBefore := range 9 {
		if n, _ := c.closeIdle(later); n != 1 {
			t.Fatalf("%d closed, want 1", n)
		}
		peer := peers[8-closedBefore]
		peer.SetReadDeadline(time.Now().Add(time.Second))
		if _, err := peer.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("connection %d was not closed in its turn: %v", 8-closedBefore, err)
		}
	}
	if n, _ := c.closeIdle(later); n != 0 {
		t.Errorf("a connection with a request in flight was closed")
	}
}

// tls.Conn.Close waits up to 5 seconds for the client to read the last alert. Accept must not wait, as it closes idle
// connections itself.
func TestClosingDoesNotWaitForTheClient(t *testing.T) {
	t.Parallel()
	cert := selfSigned(t)
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		defer far.Close()
		server := tls.Server(near, &tls.Config{Certificates: []tls.Certificate{cert}, SessionTicketsDisabled: true})
		go tls.Client(far, &tls.Config{InsecureSkipVerify: true}).Handshake()
		if err := server.Handshake(); err != nil {
			t.Fatal(err)
		}
		var c conns
		it := &conn{}
		it.idleSince.Store(1)
		c.byConn.Store(belowTLS(server), it)
		begin := time.Now()
		if n, _ := c.closeIdle(later); n != 1 || time.Since(begin) > 0 {
			t.Errorf("%d closed after %s, want 1 at once", n, time.Since(begin))
		}
	})
}

// A connection that was just closed still has its descriptor. Accept must count it before it closes more.
func TestAcceptCountsConnectionsThatAreStillClosing(t *testing.T) {
	t.Parallel()
	var c conns
	var srv http.Server
	c.track(&srv)
	var idle []net.Conn
	for range 3 {
		near, far := net.Pipe()
		t.Cleanup(func() { far.Close() })
		srv.ConnContext(t.Context(), near)
		idle = append(idle, near)
	}
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer inner.Close()
	d := &descriptors{conns: &c, nearLimit: 1} // with this limit every descriptor counts as near the limit
	ln := reservingListener{inner, d}
	accept := func() {
		client, err := net.Dial("tcp", inner.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		conn, err := ln.Accept()
		if err != nil {
			t.Fatal(err)
		}
		conn.Close()
	}
	const many = 1 << 30 // more than the number of descriptors can be
	c.closing.Store(many)
	if accept(); d.closed.Load() != 0 {
		t.Errorf("%d closed while enough others are closing, want none", d.closed.Load())
	}
	c.closing.Store(0)
	if accept(); d.closed.Load() != 1 || c.closing.Load() != 1 {
		t.Errorf("%d closed and %d closing, want 1 and 1", d.closed.Load(), c.closing.Load())
	}
	for _, conn := range idle {
		srv.ConnState(conn, http.StateClosed)
	}
	if n := c.closing.Load(); n != 0 {
		t.Errorf("%d are closing after net/http reported the end of all, want 0", n)
	}
}

// An HTTP/2 connection without requests stays open for minutes.
func TestLongSilentConnectionDoesNotDelayShutdown(t *testing.T) {
	t.Parallel()
	var n conns
	begin := time.Now()
	n.pending.Add(1)
	n.byConn.Store(&net.TCPConn{}, &conn{accepted: begin.Add(-headerTimeout)})
	n.wait(t.Context())
	if took := time.Since(begin); took > headerTimeout/2 {
		t.Errorf("a connection that had its time was waited for %s", took)
	}
	n.pending.Add(1)
	n.byConn.Store(&net.UnixConn{}, &conn{accepted: begin.Add(time.Second - headerTimeout)})
	n.wait(t.Context())
	if took := time.Since(begin); took < time.Second {
		t.Errorf("one that has a second left was given %s", took)
	}
}
