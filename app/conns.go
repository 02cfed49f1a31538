package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"math"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// conns are the open connections of all listeners, and what each is doing. A stop waits for those whose first request is
// still under way, and descriptors.go closes those that are idle where descriptors run out.
type conns struct {
	unheard atomic.Int64 // connections that no request was read from yet
	closing atomic.Int64 // connections that were closed to make room, and whose end is not told of yet
	byConn  sync.Map     // net.Conn → *conn
}

// conn is one of them. Its fields are atomic, as net/http tells of a connection in goroutines of its own.
type conn struct {
	accepted time.Time
	heard    atomic.Bool
	since    atomic.Int64 // when it became idle, after epoch; negative: when a request began to arrive; or one of those below
}

// What a connection is doing, where it is not idle.
const (
	requesting = 0             // a handler runs on it, or its response is being written
	closed     = math.MinInt64 // closed to make room
)

// epoch is what such times are counted from, in nanoseconds of the monotonic clock.
var epoch = time.Now().Add(-time.Second)

func now() int64 { return int64(time.Since(epoch)) }

type connKey struct{}

// watch has the connections of a server told of.
func (c *conns) watch(srv *http.Server) {
	srv.ConnState = func(nc net.Conn, state http.ConnState) {
		switch state {
		case http.StateActive, http.StateIdle:
			if v, ok := c.byConn.Load(nc); ok {
				v.(*conn).turn(state)
			}
		case http.StateClosed, http.StateHijacked: // a handler that takes a connection over closes it itself
			if v, ok := c.byConn.LoadAndDelete(nc); ok {
				c.hear(v.(*conn))
				if v.(*conn).since.Load() == closed {
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
		it.since.Store(now())  // silent until its first request
		c.byConn.Store(nc, it) // here, as net/http asks for a context before it tells of a state
		c.unheard.Add(1)
		return context.WithValue(ctx, connKey{}, it)
	}
	next := srv.Handler
	srv.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if it, ok := r.Context().Value(connKey{}).(*conn); ok {
			c.hear(it)
			if since := it.since.Load(); since < 0 && since != closed {
				it.since.CompareAndSwap(since, requesting)
			}
		}
		next.ServeHTTP(w, r)
	})
}

// turn notes that a request begins to arrive, or that the last one has ended. net/http says so of HTTP/2, too: active is one
// with an open stream. A connection that was closed to make room stays so.
func (it *conn) turn(state http.ConnState) {
	to := -now()
	if state == http.StateIdle {
		to = now()
	}
	for {
		is := it.since.Load()
		if is == closed || it.since.CompareAndSwap(is, to) {
			return
		}
	}
}

func (c *conns) hear(it *conn) {
	if !it.heard.Load() && it.heard.CompareAndSwap(false, true) {
		c.unheard.Add(-1)
	}
}

// wait returns when a request was read from each connection, or none for as long as a request's header may take. A server
// of net/http that is told to stop closes the others without an answer. On HTTP/2 the accept may have been long ago:
// browsers open connections in advance.
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

// mostClosed is how many connections are closed at once: the longest idle are found by looking at all.
const mostClosed = 32

// slowHeader is how long a request may take to arrive before its connection counts as idle, where none other does.
const slowHeader = time.Second

// idleConn is a candidate, as it was seen.
type idleConn struct {
	nc    net.Conn
	it    *conn
	since int64
}

// closeIdle closes connections that are idle, the longest first: up to mostClosed and an eighth of them, but at least one,
// as nginx does. Idle are those between two requests, those without an open stream on HTTP/2, and those that have not yet sent
// a byte of a request or finished their handshake. A request in flight is never cut off.
func (c *conns) closeIdle() (n int) {
	var idle, slow []idleConn
	c.byConn.Range(func(k, v any) bool {
		it := v.(*conn)
		switch since := it.since.Load(); {
		case since > 0:
			idle = append(idle, idleConn{k.(net.Conn), it, since})
		case since < 0 && since != closed && now()+since > int64(slowHeader):
			slow = append(slow, idleConn{k.(net.Conn), it, since})
		}
		return true
	})
	if len(idle) == 0 {
		idle = slow
	}
	slices.SortFunc(idle, func(a, b idleConn) int { return cmp.Compare(max(a.since, -a.since), max(b.since, -b.since)) })
	for _, i := range idle[:min(len(idle), max(1, min(mostClosed, len(idle)/8)))] {
		if !i.it.since.CompareAndSwap(i.since, closed) {
			continue // a request came meanwhile
		}
		c.closing.Add(1)
		n++
		nc := i.nc
		if t, ok := nc.(*tls.Conn); ok {
			nc = t.NetConn() // TLS would wait until the client has taken its last alert
		}
		nc.Close()
	}
	return n
}
