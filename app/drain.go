package main

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// drain ends without losing a request: readiness falls, load balancers get a moment to see it, the listeners close,
// who has come in is heard, and what is open may finish.
func (s *server) drain() error {
	s.draining.Store(true)
	s.log.Info("stopping", "open_requests", s.active.Load(), "grace", s.cfg.shutdownGrace)
	ctx, cancel := context.WithTimeout(context.Background(), s.cfg.shutdownGrace)
	defer cancel()
	if s.cfg.prod {
		time.Sleep(s.cfg.shutdownGrace / 10)
	} else {
		go s.closeQuiet(ctx)
	}
	close(s.stopping)
	s.listeners.close()
	s.accepting.Wait() // nobody else comes
	s.newcomers.wait(ctx)

	var wg sync.WaitGroup
	var cut atomic.Bool
	for _, srv := range s.servers {
		wg.Go(func() {
			if err := srv.Shutdown(ctx); err != nil {
				cut.Store(true)
			}
		})
	}
	wg.Wait()
	open := s.active.Load()
	for _, srv := range s.servers {
		srv.Close() // nothing is left to close unless the grace ran out
	}
	if cut.Load() && open > 0 {
		return fmt.Errorf("%d %s still open after SHUTDOWN_GRACE=%s and cut off", open, pick(open == 1, "request was", "requests were"), s.cfg.shutdownGrace)
	}
	s.log.Info("stopped")
	return nil
}

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
