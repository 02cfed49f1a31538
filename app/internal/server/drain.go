package server

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// drain stops without losing a request: /readyz fails, load balancers get a moment to see it, the listeners close, accepted
// connections deliver their requests, and open requests finish. A process that make dev has replaced logs this at debug only,
// because another one already answers on the same ports.
func (s *Server) drain(replaced bool) error {
	s.draining.Store(true)
	level := slog.LevelInfo
	if replaced {
		level = slog.LevelDebug
	}
	s.Log.Log(context.Background(), level, "stopping", "open_requests", s.active.Load(), "grace", s.Settings.ShutdownGrace)
	ctx, cancel := context.WithTimeout(context.Background(), s.Settings.ShutdownGrace)
	defer cancel()
	switch {
	case replaced: // this end delays nothing
	case s.Settings.Prod:
		time.Sleep(s.Settings.ShutdownGrace / 10)
	default:
		go s.closeQuiet(ctx)
	}
	close(s.stopping)
	s.Ports.Close()
	s.accepting.Wait() // no more connections come
	s.conns.wait(ctx)
	if replaced {
		time.Sleep(settleTime)
	}

	var wg sync.WaitGroup
	for _, srv := range s.served {
		wg.Go(func() { srv.Shutdown(ctx) }) // its error is that ctx ended, which the count tells better
	}
	wg.Wait()
	s.waitForHijacked(ctx)
	open := s.active.Load()
	for _, srv := range s.served {
		srv.Close() // nothing is left to close unless the grace ran out
	}
	if open > 0 {
		noun := "requests were"
		if open == 1 {
			noun = "request was"
		}
		return fmt.Errorf("%d %s still open after SHUTDOWN_GRACE=%s and cut off", open, noun, s.Settings.ShutdownGrace)
	}
	s.Log.Log(context.Background(), level, "stopped")
	return nil
}

// waitForHijacked gives connections that a handler took over, such as WebSockets, the rest of the grace: Shutdown knows
// nothing of them.
func (s *Server) waitForHijacked(ctx context.Context) {
	poll := time.NewTicker(10 * time.Millisecond)
	defer poll.Stop()
	for s.active.Load() > 0 {
		select {
		case <-ctx.Done():
			return
		case <-poll.C:
		}
	}
}

// settleTime gives connections in use time to receive "Connection: close" or GOAWAY. Shutdown closes what is idle at that moment,
// even an HTTP/2 connection whose next request is on its way.
const settleTime = 300 * time.Millisecond

// closeQuiet closes all connections once no request has been open for a quarter of a second. Browsers open connections in advance,
// for which Shutdown would make a developer wait five seconds.
func (s *Server) closeQuiet(ctx context.Context) {
	for quiet := 0; quiet < 5; quiet++ {
		select {
		case <-ctx.Done():
			return
		case <-time.After(50 * time.Millisecond):
		}
		if s.active.Load() > 0 {
			quiet = 0
		}
	}
	for _, srv := range s.served {
		srv.Close()
	}
}
