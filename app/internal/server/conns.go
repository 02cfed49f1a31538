package server

import (
	"cmp"
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// conns are the open connections of all listeners, and what each is doing. The shutdown waits for connections whose first
// request is still arriving. When file descriptors run out, idle connections are closed (descriptors.go).
type conns struct {
	unheard atomic.Int64 // connections on which no request has been read yet
	closing atomic.Int64 // connections that closeIdle closed and that net/http has not yet reported as closed
	byConn  sync.Map     // net.Conn → *conn
}

// conn is the state of one connection. Its fields are atomic because net/http reports states from several goroutines.
type conn struct {
	accepted time.Time
	heard    atomic.Bool // a request has been read

	idleSince atomic.Int64 // nanoseconds after epoch, or active or closed
}

// Values of conn.idleSince that are not times.
const (
	active = 0  // a request is being answered
	closed = -1 // closeIdle has closed it
)

// epoch is a second before the start, so that every time after it is greater than 0. The clock is the monotonic one.
var epoch = time.Now().Add(-time.Second)

func now() int64 { return int64(time.Since(epoch)) }

type connKey struct{}

// track registers every connection of a server in c, and keeps its state there up to date.
func (c *conns) track(srv *http.Server) {
	srv.ConnState = func(nc net.Conn, state http.ConnState) {
		switch state {
		case http.StateActive, http.StateIdle:
			if v, ok := c.byConn.Load(nc); ok {
				v.(*conn).setState(state)
			}
		case http.StateClosed, http.StateHijacked: // a handler that takes a connection over closes it itself
			if v, ok := c.byConn.LoadAndDelete(nc); ok {
				c.hear(v.(*conn))
				if v.(*conn).idleSince.Load() == closed {
					c.closing.Add(-1)
				}
			}
		}
	}
	connContext := srv.ConnContext
	srv.ConnContext = func(ctx context.Context, nc net.Conn) context.Context {
		if connContext != nil {
			ctx = connContext(ctx, nc)
		}
		it := &conn{accepted: time.Now()}
		it.idleSince.Store(now()) // until its first request
		c.byConn.Store(nc, it)    // net/http calls ConnContext before it reports the connection's first state
		c.unheard.Add(1)
		return context.WithValue(ctx, connKey{}, it)
	}
	next := srv.Handler
	srv.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if it, ok := r.Context().Value(connKey{}).(*conn); ok {
			c.hear(it)
		}
		next.ServeHTTP(w, r)
	})
}

// setState notes that the header of a request has arrived (active), or that the last request has ended (idle). An HTTP/2
// connection is active while it has an open stream. A connection that closeIdle has closed stays closed.
func (it *conn) setState(state http.ConnState) {
	to := int64(active)
	if state == http.StateIdle {
		to = now()
	}
	for {
		is := it.idleSince.Load()
		if is == closed || it.idleSince.CompareAndSwap(is, to) {
			return
		}
	}
}

// hear notes that a request has been read.
func (c *conns) hear(it *conn) {
	if !it.heard.Load() && it.heard.CompareAndSwap(false, true) {
		c.unheard.Add(-1)
	}
}

// wait returns when a request has been read on every connection, or when headerTimeout has passed since the last accept
// of one without a request. http.Server.Shutdown would close those without an answer. Browsers open HTTP/2 connections in
// advance, so that an accept can be long ago.
func (c *conns) wait(ctx context.Context) {
	var last time.Time
	c.byConn.Range(func(_, v any) bool {
		if it := v.(*conn); !it.heard.Load() && it.accepted.After(last) {
			last = it.accepted
		}
		return true
	})
	ctx, cancel := context.WithDeadline(ctx, last.Add(headerTimeout))
	defer cancel()
	poll := time.NewTicker(5 * time.Millisecond)
	defer poll.Stop()
	for c.unheard.Load() > 0 {
		select {
		case <-ctx.Done():
			return
		case <-poll.C:
		}
	}
}

// mostClosed is how many connections closeIdle closes at most. It closes several because it looks at all connections to
// find the longest idle.
const mostClosed = 32

// idleConn is a connection that may be closed, and its idleSince when closeIdle looked at it.
type idleConn struct {
	nc    net.Conn
	it    *conn
	since int64
}

// handshakeTime is how long a connection is left alone after it was accepted or its last request ended. In a flood of silent
// connections a visitor who is shaking hands, or whose request is on its way, would soon be the one that has been idle longest.
const handshakeTime = time.Second

// closeIdle closes the connections that have been idle longest, and returns how many: an eighth of the idle ones, at least
// 1 and at most mostClosed, as nginx does. Idle means before the end of the handshake, before the end of a request's header,
// between two requests, or on HTTP/2 without an open stream. A request whose header has arrived is never cut off. If all idle
// connections are younger than handshakeTime at that time, none is closed, and wait is when the first of them will be old enough.
func (c *conns) closeIdle(at int64) (n int, wait time.Duration) {
	var idle []idleConn
	c.byConn.Range(func(k, v any) bool {
		it := v.(*conn)
		if since := it.idleSince.Load(); since > 0 {
			idle = append(idle, idleConn{k.(net.Conn), it, since})
		}
		return true
	})
	slices.SortFunc(idle, func(a, b idleConn) int { return cmp.Compare(a.since, b.since) })
	oldest := at - int64(handshakeTime)
	for _, i := range idle[:min(len(idle), max(1, min(mostClosed, len(idle)/8)))] {
		if i.since > oldest {
			if n == 0 {
				wait = time.Duration(i.since - oldest)
			}
			break
		}
		if !i.it.idleSince.CompareAndSwap(i.since, closed) {
			continue // a request has arrived since
		}
		c.closing.Add(1)
		n++
		nc := i.nc
		if t, ok := nc.(*tls.Conn); ok {
			nc = t.NetConn() // tls.Conn.Close can wait seconds for a client that does not read the last alert
		}
		nc.Close()
	}
	return n, wait
}
