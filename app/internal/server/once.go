package server

import (
	"context"
	"fmt"
	"time"

	"example.com/turnkey/app/settings"
)

// clockEvery is how often a waiting job looks at the clock, because timers stop while the machine is suspended.
const clockEvery = time.Minute

// Once implements kit.Server.
func (s *Server) Once(name string, period time.Duration, f func(context.Context) error) {
	if name == "" || period <= 0 {
		panic(fmt.Sprintf("server.Once(%q, %s): a repeated job needs a name and a period above zero", name, period))
	}
	if _, again := s.repeated.LoadOrStore(name, true); again {
		panic(fmt.Sprintf("server.Once(%q): there is a repeated job of this name already", name))
	}
	s.Go(name, func(ctx context.Context) error {
		away := false // and logged
		for {
			wait, err := s.Turns.Take(ctx, name, period, func(ctx context.Context) { s.life.run(ctx, &job{name, f}) })
			if ctx.Err() != nil {
				return nil
			}
			if err != nil && !away {
				s.Log.Error("a repeated job waits until ACME_CACHE answers: other servers may run it", "job", name, "error", err)
			}
			away = err != nil
			select {
			case <-time.After(min(wait, clockEvery)):
			case <-ctx.Done():
				return nil
			}
		}
	})
}

// repeatedFaults returns why the jobs of Once cannot run. A site without such jobs does not need ACME_CACHE for them.
func (s *Server) repeatedFaults() (faults settings.Faults) {
	s.repeated.Range(func(_, _ any) bool {
		faults = s.Turns.Check()
		return false
	})
	return faults
}
