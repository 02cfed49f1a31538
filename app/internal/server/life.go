package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"runtime/debug"
	"slices"
	"sync"
	"time"
)

const (
	// closeTime is how long the functions of OnStop have together after SHUTDOWN_GRACE. The unit and the manifest of
	// scripts/deploy allow for it.
	closeTime = 5 * time.Second

	// lateTime is how long a function of OnStop has if those before it have used up closeTime.
	lateTime = 250 * time.Millisecond
)

// life has the jobs of kit.Server.Go and the functions of kit.Server.OnStop. It is safe for concurrent use.
type life struct {
	log *slog.Logger
	ctx context.Context // of the jobs
	end context.CancelFunc

	mu      sync.Mutex
	begun   bool   // jobs start at once
	over    bool   // no further job starts
	closed  bool   // every function of OnStop has been called
	waiting []*job // until begin
	running map[*job]bool
	onStop  []closer // in the order of registration
}

type job struct {
	name string
	f    func(context.Context) error
}

// closer is a function of OnStop.
type closer struct {
	f  func(context.Context) error
	at string // where it was registered: file and line
}

func newLife(log *slog.Logger) *life {
	l := &life{log: log, running: map[*job]bool{}}
	l.ctx, l.end = context.WithCancel(context.Background())
	return l
}

// OnStop implements kit.Server.
func (s *Server) OnStop(f func(context.Context) error) {
	c := closer{f: f}
	if _, file, line, ok := runtime.Caller(1); ok {
		c.at = fmt.Sprintf("%s:%d", file, line)
	}
	l := s.life
	l.mu.Lock()
	late := l.closed
	if !late {
		l.onStop = append(l.onStop, c)
	}
	l.mu.Unlock()
	if late {
		l.call(time.Now().Add(lateTime), c)
	}
}

// Go implements kit.Server.
func (s *Server) Go(name string, f func(context.Context) error) {
	l := s.life
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.over:
		l.log.Error("a job was not started: the server has stopped", "job", name)
	case l.begun:
		l.start(&job{name, f})
	default:
		l.waiting = append(l.waiting, &job{name, f})
	}
}

// begin starts the jobs that wait, unless the stop has begun.
func (l *life) begin() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.over || l.ctx.Err() != nil {
		return
	}
	l.begun = true
	for _, j := range l.waiting {
		l.start(j)
	}
	l.waiting = nil
}

// start needs mu.
func (l *life) start(j *job) {
	l.running[j] = true
	go func() {
		defer func() {
			l.mu.Lock()
			delete(l.running, j)
			l.mu.Unlock()
		}()
		l.run(l.ctx, j)
	}()
}

// run runs a job and logs how it failed.
func (l *life) run(ctx context.Context, j *job) {
	err := errGoexit
	defer func() {
		if err != nil && (ctx.Err() == nil || !errors.Is(err, context.Canceled)) {
			l.report("a job failed", err, "job", j.name)
		}
	}()
	err = recovered(ctx, j.f)
}

// errGoexit is the error of a function that called runtime.Goexit, as t.FailNow does.
var errGoexit = errors.New("it ended its goroutine")

// waitForJobs returns when every job has returned or ctx is done. It logs those that still run. No job starts after it.
func (l *life) waitForJobs(ctx context.Context) {
	poll(ctx, 10*time.Millisecond, func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.over = len(l.running) == 0
		return l.over
	})
	l.mu.Lock()
	defer l.mu.Unlock()
	l.over = true
	for _, j := range l.waiting { // under make dev, if this process is replaced before the one before it has ended
		l.log.Debug("a job was not started: the server stopped first", "job", j.name)
	}
	for j := range l.running {
		l.log.Error("a job still runs after SHUTDOWN_GRACE; stopping without it", "job", j.name)
	}
}

// close calls the functions of OnStop, the last registered first, with a context that ends at deadline.
func (l *life) close(deadline time.Time) {
	for {
		l.mu.Lock()
		l.over = true
		n := len(l.onStop)
		if n == 0 {
			l.closed = true
			l.mu.Unlock()
			return
		}
		last := l.onStop[n-1]
		l.onStop = slices.Delete(l.onStop, n-1, n)
		l.mu.Unlock()
		l.call(deadline, last)
	}
}

// call calls a function of OnStop with a context that ends at deadline, and waits until then, or for lateTime if that
// is later. It does not wait for a function that ignores its context any longer.
func (l *life) call(deadline time.Time, c closer) {
	ctx, cancel := context.WithDeadline(context.Background(), deadline)
	defer cancel()
	result := make(chan error, 1)
	go func() {
		err := errGoexit
		defer func() { result <- err }()
		err = recovered(ctx, c.f)
	}()
	select {
	case err := <-result:
		if err != nil {
			l.report("a function of OnStop failed", err, "registered", c.at)
		}
	case <-time.After(max(time.Until(deadline), lateTime)):
		l.log.Error("a function of OnStop did not return in time; stopping without it", "registered", c.at)
	}
}

// report logs an error, with the stack of a panic.
func (l *life) report(message string, err error, about ...any) {
	about = append(about, "error", err.Error())
	if p, ok := errors.AsType[*panicked](err); ok {
		about = append(about, "stack", string(p.stack))
	}
	l.log.Error(message, about...)
}

// panicked is the error of a function that has panicked.
type panicked struct {
	value any
	stack []byte
}

func (p *panicked) Error() string { return fmt.Sprintf("panic: %v", p.value) }

// recovered calls f, and returns its panic as an error.
func recovered(ctx context.Context, f func(context.Context) error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &panicked{v, debug.Stack()}
		}
	}()
	return f(ctx)
}
