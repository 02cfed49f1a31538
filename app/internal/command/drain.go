package command

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// drain ends without losing a request: readiness falls, load balancers get a moment to see it, the listeners close,
// who has come in is heard, and what is open may finish. A process that is replaced does so in silence: another one
// answers already, on the same ports.
func (s *server) drain(replaced bool) error {
	s.draining.Store(true)
	level := pick(replaced, slog.LevelDebug, slog.LevelInfo)
	s.log.Log(context.Background(), level, "stopping", "open_requests", s.active.Load(), "grace", s.cfg.shutdownGrace)
	ctx, cancel := context.WithTimeout(context.Background(), s.cfg.shutdownGrace)
	defer cancel()
	switch {
	case replaced: // nobody waits for this end
	case s.cfg.prod:
		time.Sleep(s.cfg.shutdownGrace / 10)
	default:
		go s.closeQuiet(ctx)
	}
	close(s.stopping)
	s.listeners.close()
	s.accepting.Wait() // nobody else comes
	s.conns.wait(ctx)
	if replaced {
		time.Sleep(settleTime)
	}

	var wg sync.WaitGroup
	for _, srv := range s.servers {
		wg.Go(func() { srv.Shutdown(ctx) }) // its error is that ctx ended, which the count tells better
	}
	wg.Wait()
	s.waitForHijacked(ctx)
	open := s.active.Load()
	for _, srv := range s.servers {
		srv.Close() // nothing is left to close unless the grace ran out
	}
	if open > 0 {
		return fmt.Errorf("%d %s still open after SHUTDOWN_GRACE=%s and cut off", open, pick(open == 1, "request was", "requests were"), s.cfg.shutdownGrace)
	}
	s.log.Log(context.Background(), level, "stopped")
	return nil
}

// waitForHijacked gives connections that a handler took over, such as WebSockets, the rest of the grace: Shutdown knows
// nothing of them.
func (s *server) waitForHijacked(ctx context.Context) {
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

// settleTime is how long connections that are in use have to be sent elsewhere by counted. Shutdown hangs up on those that
// are idle as it looks, also on HTTP/2 with a request under way.
const settleTime = 300 * time.Millisecond

// closeQuiet spares a developer the wait for connections on which nothing was ever asked, which browsers open in
// advance and Shutdown gives five seconds.
func (s *server) closeQuiet(ctx context.Context) {
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
	for _, srv := range s.servers {
		srv.Close()
	}
}
