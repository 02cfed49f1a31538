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

type newcomer struct{ gone atomic.Bool }

type newcomerKey struct{}

// watch has the connections of a server counted.
func (n *newcomers) watch(srv *http.Server) {
	srv.ConnState = func(conn net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew:
			n.count.Add(1)
			n.conns.Store(conn, &newcomer{})
		case http.StateClosed, http.StateHijacked:
			if c, ok := n.conns.LoadAndDelete(conn); ok {
				n.leave(c.(*newcomer))
			}
		}
	}
	srv.ConnContext = func(ctx context.Context, conn net.Conn) context.Context {
		c, _ := n.conns.Load(conn)
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

// wait returns when each has been heard, or has said nothing for as long as a request's header may take.
func (n *newcomers) wait(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, headerTimeout)
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
