package main

import (
	"context"
	"io"
	"log/slog"
	"sync"
	"time"

	"example.com/turnkey/middleware"
)

// newLogger logs to w as cfg says. Every line that is logged with a request's context carries the request's id.
func newLogger(cfg config, w io.Writer) *slog.Logger {
	options := &slog.HandlerOptions{Level: cfg.logLevel}
	var h slog.Handler = slog.NewTextHandler(w, options)
	if cfg.logJSON {
		h = slog.NewJSONHandler(w, options)
	}
	return slog.New(requestHandler{h})
}

type requestHandler struct{ slog.Handler }

func (h requestHandler) Handle(ctx context.Context, r slog.Record) error {
	if id := middleware.RequestIDFrom(ctx); id != "" {
		r.AddAttrs(slog.String("request_id", id))
	}
	return h.Handler.Handle(ctx, r)
}

func (h requestHandler) WithAttrs(a []slog.Attr) slog.Handler {
	return requestHandler{h.Handler.WithAttrs(a)}
}
func (h requestHandler) WithGroup(n string) slog.Handler {
	return requestHandler{h.Handler.WithGroup(n)}
}

const (
	logDelay  = 20 * time.Millisecond // that a line may wait for others to be written with
	logBuffer = 1 << 20               // bytes that may wait for a reader that is slow
)

// logWriter gathers lines for a few milliseconds and writes them in one go, so that a request waits neither for a
// system call nor for whoever reads the log. Lines that find the buffer full are counted and dropped.
type logWriter struct {
	w       io.Writer
	wake    chan struct{}
	closing chan struct{}
	closed  chan struct{}

	mu      sync.Mutex
	buf     []byte
	spare   []byte
	dropped int
}

func newLogWriter(w io.Writer) *logWriter {
	l := &logWriter{w: w, wake: make(chan struct{}, 1), closing: make(chan struct{}), closed: make(chan struct{})}
	go l.run()
	return l
}

func (l *logWriter) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.buf)+len(line) > logBuffer {
		l.dropped++
		return len(line), nil
	}
	l.buf = append(l.buf, line...)
	select {
	case l.wake <- struct{}{}:
	default: // it is awake
	}
	return len(line), nil
}

// Close writes what is left. Lines that come later are lost.
func (l *logWriter) Close() {
	close(l.closing)
	<-l.closed
}

func (l *logWriter) run() {
	defer close(l.closed)
	for {
		select {
		case <-l.wake:
			select {
			case <-time.After(logDelay):
			case <-l.closing:
			}
			l.flush()
		case <-l.closing:
			l.flush()
			return
		}
	}
}

func (l *logWriter) flush() {
	l.mu.Lock()
	lines, dropped := l.buf, l.dropped
	l.buf, l.spare, l.dropped = l.spare[:0], nil, 0
	l.mu.Unlock()
	l.w.Write(lines) // there is nowhere left to report a failure to
	if dropped > 0 {
		slog.Warn("log lines dropped; whoever reads this log is too slow", "lines", dropped)
	}
	l.mu.Lock()
	l.spare = lines[:0]
	l.mu.Unlock()
}
