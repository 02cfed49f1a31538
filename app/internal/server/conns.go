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

	"example.com/turnkey/app/internal/ports"
)

// conns are the open connections of all listeners, and what each is doing. The shutdown waits for pending ones. When
// file descriptors run out, idle ones are closed (descriptors.go).
type conns struct {
	pending atomic.Int64 // connections whose first request has not been read yet
	opening atomic.Int64 // those of them that net/http does not have yet (opening.go)
	closing atomic.Int64 // connections that closeLongest has closed, until they are removed
	byConn  sync.Map     // net.Conn below TLS → *conn
}

// conn is the state of one connection. Its fields are atomic because net/http reports states from several goroutines.
type conn struct {
	accepted  time.Time
	opening   atomic.Bool // net/http does not have it yet
	requested atomic.Bool // a request has been read
	unnamed   bool        // see ports.Conn.Unnamed; not changed after net/http has the connection

	idleSince atomic.Int64 // nanoseconds after epoch, or active or closed
}

// Values of conn.idleSince that are not times.
const (
	active = 0  // a request is being answered
	closed = -1 // closeLongest has closed it, or it is removed
)

// epoch is a second before the start of the process, so that every later time is greater than 0. Times are taken from
// the monotonic clock.
var epoch = time.Now().Add(-time.Second)

// now returns the nanoseconds since epoch.
func now() int64 { return int64(time.Since(epoch)) }

type connKey struct{}

// add registers a connection that was just accepted. It is pending, and idle until its first request.
func (c *conns) add(nc net.Conn, opening bool) *conn {
	cn := &conn{accepted: time.Now()}
	cn.idleSince.Store(now())
	if opening {
		cn.opening.Store(true)
		c.opening.Add(1)
	}
	c.pending.Add(1)
	c.byConn.Store(nc, cn)
	return cn
}

// opened returns the state of a connection that net/http gets, and registers the connection if add has not.
func (c *conns) opened(nc net.Conn) *conn {
	nc = belowTLS(nc)
	v, ok := c.byConn.Load(nc)
	if !ok {
		return c.add(nc, false)
	}
	cn := v.(*conn)
	if c, ok := nc.(*ports.Conn); ok {
		cn.unnamed = c.Unnamed()
	}
	c.endOpening(cn)
	return cn
}

// isUnnamed is proxyheader.Policy.Unnamed.
func isUnnamed(r *http.Request) bool {
	cn, ok := r.Context().Value(connKey{}).(*conn)
	return ok && cn.unnamed
}

func (c *conns) endOpening(cn *conn) {
	if cn.opening.CompareAndSwap(true, false) {
		c.opening.Add(-1)
	}
}

// remove forgets a connection that has ended, or that a handler took over.
func (c *conns) remove(nc net.Conn) {
	v, ok := c.byConn.LoadAndDelete(belowTLS(nc))
	if !ok {
		return
	}
	cn := v.(*conn)
	c.endOpening(cn)
	c.noteRequest(cn)
	if cn.idleSince.Swap(closed) == closed {
		c.closing.Add(-1)
	}
}

// belowTLS returns the TCP connection below a connection of net/http. conns registers that one, because it exists
// before the handshake.
func belowTLS(nc net.Conn) net.Conn {
	if t, ok := nc.(*tls.Conn); ok {
		nc = t.NetConn()
	}
	if h, ok := nc.(*handshakeConn); ok {
		nc = h.Conn
	}
	return nc
}

// track registers every connection of a server in c, and keeps its state there up to date. Call it once for a server,
// before that serves.
func (c *conns) track(srv *http.Server) {
	srv.ConnState = func(nc net.Conn, state http.ConnState) {
		switch state {
		case http.StateActive, http.StateIdle:
			if v, ok := c.byConn.Load(belowTLS(nc)); ok {
				v.(*conn).setState(state)
			}
		case http.StateClosed, http.StateHijacked: // net/http reports nothing after these
			c.remove(nc)
		}
	}
	connContext := srv.ConnContext
	srv.ConnContext = func(ctx context.Context, nc net.Conn) context.Context {
		if connContext != nil {
			ctx = connContext(ctx, nc)
		}
		// net/http calls ConnContext before it reports a state.
		return context.WithValue(ctx, connKey{}, c.opened(nc))
	}
	next := srv.Handler
	srv.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if cn, ok := r.Context().Value(connKey{}).(*conn); ok {
			c.noteRequest(cn)
		}
		next.ServeHTTP(w, r)
	})
}

// setState records that the header of a request has arrived (active), or that the last request has ended (idle). An
// HTTP/2 connection is active while it has an open stream. A connection that closeLongest has closed stays
// closed.
func (cn *conn) setState(state http.ConnState) {
	to := int64(active)
	if state == http.StateIdle {
		to = now()
	}
	for {
		is := cn.idleSince.Load()
		if is == closed || cn.idleSince.CompareAndSwap(is, to) {
			return
		}
	}
}

// noteRequest records that a request has been read on a connection, or that none will be, because it is closed.
func (c *conns) noteRequest(cn *conn) {
	if !cn.requested.Load() && cn.requested.CompareAndSwap(false, true) {
		c.pending.Add(-1)
	}
}

// wait returns once a request has been read on every connection. http.Server.Shutdown would close the pending ones
// without an answer. wait returns earlier if ctx is done, or if headerTimeout has passed since the last accept of a
// pending connection. That can be long ago, because browsers open HTTP/2 connections in advance.
func (c *conns) wait(ctx context.Context) {
	var last time.Time
	c.byConn.Range(func(_, v any) bool {
		if cn := v.(*conn); !cn.requested.Load() && cn.accepted.After(last) {
			last = cn.accepted
		}
		return true
	})
	ctx, cancel := context.WithDeadline(ctx, last.Add(headerTimeout))
	defer cancel()
	poll(ctx, 5*time.Millisecond, func() bool { return c.pending.Load() <= 0 })
}

// maxClosed is how many connections closeLongest closes at most. It closes several in one call because finding the longest
// idle one means looking at all of them.
const maxClosed = 32

// idleConn is a connection that may be closed, and its idleSince when closeLongest looked at it.
type idleConn struct {
	nc    net.Conn
	conn  *conn
	since int64
}

// minIdle is how long a connection must have been idle before closeLongest may close it. In a flood of silent connections,
// a visitor whose handshake or request is still on its way would soon be the one that has been idle longest.
const minIdle = time.Second

func (c *conns) closeIdle(at int64) (n int, wait time.Duration) {
	return c.closeLongest(at, func(*conn) bool { return true })
}

// closeLongest closes those of some connections that have been idle longest at a time, which is now() but for tests. It
// closes an eighth of the idle ones, at least 1 and at most maxClosed, as nginx does, and returns how many.
//
// A connection is idle before the end of its handshake, before the end of a request's header, between two requests, and
// on HTTP/2 without an open stream. A request whose header has arrived is never cut off.
//
// If every idle connection has been idle for less than minIdle, none is closed. wait is then how long until the first
// may be.
func (c *conns) closeLongest(at int64, of func(*conn) bool) (n int, wait time.Duration) {
	var idle []idleConn
	c.byConn.Range(func(k, v any) bool {
		cn := v.(*conn)
		if since := cn.idleSince.Load(); since > 0 && of(cn) {
			idle = append(idle, idleConn{k.(net.Conn), cn, since})
		}
		return true
	})
	slices.SortFunc(idle, func(a, b idleConn) int { return cmp.Compare(a.since, b.since) })
	oldest := at - int64(minIdle)
	for _, i := range idle[:min(len(idle), max(1, min(maxClosed, len(idle)/8)))] {
		if i.since > oldest {
			if n == 0 {
				wait = time.Duration(i.since - oldest)
			}
			break
		}
		if !i.conn.idleSince.CompareAndSwap(i.since, closed) {
			continue // a request has arrived in the meantime
		}
		c.closing.Add(1)
		n++
		i.nc.Close() // below TLS: tls.Conn.Close can wait seconds for a client that does not read the last alert
	}
	return n, wait
}
