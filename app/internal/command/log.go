package command

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
	return slog.New(requestHandler{h, w, cfg.logJSON})
}

// requestHandler adds the request's id, and writes plain records itself.
type requestHandler struct {
	slog.Handler
	plain io.Writer // nil once the logger has attributes of its own
	json  bool
}

func (h requestHandler) Handle(ctx context.Context, r slog.Record) error {
	if id := middleware.RequestIDFrom(ctx); id != "" {
		r.AddAttrs(slog.String("request_id", id))
	}
	if h.plain != nil {
		line := lines.Get().(*[]byte)
		defer lines.Put(line)
		var ok bool
		if *line, ok = appendRecord((*line)[:0], r, h.json); ok {
			_, err := h.plain.Write(*line)
			return err
		}
	}
	return h.Handler.Handle(ctx, r)
}

var lines = sync.Pool{New: func() any { return new([]byte) }}

func (h requestHandler) WithAttrs(a []slog.Attr) slog.Handler {
	return requestHandler{Handler: h.Handler.WithAttrs(a)}
}

func (h requestHandler) WithGroup(name string) slog.Handler {
	return requestHandler{Handler: h.Handler.WithGroup(name)}
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

// Close writes what is left, if whoever reads the log lets it. Lines that come later are lost.
func (l *logWriter) Close() {
	close(l.closing)
	select {
	case <-l.closed:
	case <-time.After(time.Second):
	}
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
