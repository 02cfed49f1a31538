package server

import (
	"context"
	"testing"
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
