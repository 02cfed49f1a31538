package server

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// stop ends the server: the context of the jobs ends, open requests finish, jobs return, and what the site has opened
// is closed. endTasks is called once no request is open. stop returns an error if requests were cut off when
// SHUTDOWN_GRACE ended.
//
// A process that make dev has replaced logs this at debug only, because another one already answers on the same ports.
func (s *Server) stop(replaced bool, endTasks func()) error {
	s.draining.Store(true)
	level := slog.LevelInfo
	if replaced {
		level = slog.LevelDebug
	}
	s.Log.Log(context.Background(), level, "stopping", "open_requests", s.active.Load(), "grace", s.Settings.ShutdownGrace)
	deadline := time.Now().Add(s.Settings.ShutdownGrace)
	ctx, cancel := context.WithDeadline(context.Background(), deadline)
	defer cancel()
	s.life.end()
	err := s.drain(ctx, replaced)
	endTasks()
	s.life.waitForJobs(ctx)
	s.life.close(deadline.Add(closeTime))
	if err == nil {
		s.Log.Log(context.Background(), level, "stopped")
	}
	return err
}

// drain loses no request: /readyz fails, load balancers get a moment to see it, the listeners close and what waits in
// their queues is accepted, accepted connections deliver their first request, and open requests finish. It returns an
// error if requests are still open when ctx ends.
func (s *Server) drain(ctx context.Context, replaced bool) error {
	switch {
	case replaced: // the new process answers, so no client and no developer waits for this one
	case s.Settings.Prod:
		time.Sleep(s.Settings.ShutdownGrace / 10)
	default:
		go s.closeWhenQuiet(ctx)
	}
	close(s.stopping)
	s.Ports.Close()
	inTime := context.AfterFunc(ctx, s.conns.closeOpening)
	s.accepting.Wait() // for handshakes under way, too; from here on no connection is added
	inTime()
	s.conns.wait(ctx)
	if replaced {
		time.Sleep(settleTime)
	}

	var wg sync.WaitGroup
	wg.Go(func() { s.quic.drain(ctx) })
	for _, srv := range s.served {
		wg.Go(func() { srv.Shutdown(ctx) }) // its error is that of ctx, which the count below shows better
	}
	wg.Wait()
	// Shutdown does not wait for connections that a handler took over, such as WebSockets.
	poll(ctx, 10*time.Millisecond, func() bool { return s.active.Load() == 0 })
	open := s.active.Load()
	for _, srv := range s.served {
		srv.Close() // nothing is left to close unless SHUTDOWN_GRACE has ended
	}
	s.quic.close()
	if open > 0 {
		noun := "requests were"
		if open == 1 {
			noun = "request was"
		}
		return fmt.Errorf("%d %s still open after SHUTDOWN_GRACE=%s and cut off", open, noun, s.Settings.ShutdownGrace)
	}
	return nil
}

// poll calls done at intervals until it returns true or ctx is done.
func poll(ctx context.Context, interval time.Duration, done func() bool) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for !done() {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// every calls f now and at intervals until ctx is done.
func every(ctx context.Context, interval time.Duration, f func()) {
	poll(ctx, interval, func() bool { f(); return false })
}

// settleTime gives connections in use time to receive "Connection: close" or GOAWAY. Shutdown closes what is idle at
// that moment, even an HTTP/2 connection whose next request is on its way.
const settleTime = 300 * time.Millisecond

// closeWhenQuiet closes all connections once no request has been open for a quarter of a second. Browsers open
// connections in advance, and Shutdown would make a developer wait five seconds for these.
func (s *Server) closeWhenQuiet(ctx context.Context) {
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
	s.conns.closeOpening() // first: Close waits until no connection is opening
	for _, srv := range s.served {
		srv.Close()
	}
}
