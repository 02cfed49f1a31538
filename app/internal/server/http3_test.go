package server

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
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
		c := newQUICConn(func() { close(closed) })
		open := func(when string, after time.Duration) {
			t.Helper()
			select {
			case <-closed:
				t.Errorf("it is closed %s", when)
			case <-time.After(after):
			}
		}
		open("early", idleTimeout-time.Second)
		c.add(1)
		c.add(1)
		open("during a request", 2*idleTimeout)
		c.add(-1)
		open("during the second one", 2*idleTimeout)
		c.add(-1)
		open("right after it", idleTimeout-time.Second)
		select {
		case <-closed:
		case <-time.After(2 * time.Second):
			t.Error("it stays open")
		}
	})
}
