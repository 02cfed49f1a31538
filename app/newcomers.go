package main

import (
	"context"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// newcomers are connections that were accepted and whose first request is still under way. A server of net/http that
// is told to stop hangs up on them without an answer; so they are waited for before it is told.
type newcomers struct {
	count atomic.Int64
	conns sync.Map // net.Conn → *newcomer
}

type newcomer struct {
	since time.Time
	gone  atomic.Bool
}

type newcomerKey struct{}

// watch has the connections of a server counted.
func (n *newcomers) watch(srv *http.Server) {
	srv.ConnState = func(conn net.Conn, state http.ConnState) {
		if state == http.StateClosed || state == http.StateHijacked {
			if c, ok := n.conns.LoadAndDelete(conn); ok {
				n.leave(c.(*newcomer))
			}
		}
	}
	connContext := srv.ConnContext
	srv.ConnContext = func(ctx context.Context, conn net.Conn) context.Context {
		if connContext != nil {
			ctx = connContext(ctx, conn)
		}
		c := &newcomer{since: time.Now()}
		n.conns.Store(conn, c) // here, as net/http asks for a context before it tells of a state
		n.count.Add(1)
		return context.WithValue(ctx, newcomerKey{}, c)
	}
	next := srv.Handler
	srv.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c, ok := r.Context().Value(newcomerKey{}).(*newcomer); ok {
			n.leave(c)
		}
		next.ServeHTTP(w, r)
	})
}

func (n *newcomers) leave(c *newcomer) {
	if !c.gone.Load() && c.gone.CompareAndSwap(false, true) {
		n.count.Add(-1)
	}
}

// wait returns when each has been heard, or has said nothing for as long as a request's header may take. On HTTP/2 that
// may have been long ago: browsers open connections in advance.
func (n *newcomers) wait(ctx context.Context) {
	var last time.Time
	n.conns.Range(func(_, v any) bool {
		if c := v.(*newcomer); !c.gone.Load() && c.since.After(last) {
			last = c.since
		}
		return true
	})
	ctx, cancel := context.WithDeadline(ctx, last.Add(headerTimeout))
	defer cancel()
	poll := time.NewTicker(5 * time.Millisecond)
	defer poll.Stop()
	for n.count.Load() > 0 {
		select {
		case <-ctx.Done():
			return
		case <-poll.C:
		}
	}
}
