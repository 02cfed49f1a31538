package logs

import (
	"io"
	"log/slog"
	"sync"
	"time"
)

const (
	writeDelay = 20 * time.Millisecond // how long a line waits for others
	bufferSize = 1 << 20               // bytes that wait for a slow reader at most
)

// Writer gathers lines for a few milliseconds and writes them together. So a request waits neither for a system call
// nor for the program that reads the log. A line that finds the buffer full is dropped, and counted. It is safe for
// concurrent use.
type Writer struct {
	w       io.Writer
	wake    chan struct{}
	closing chan struct{}
	closed  chan struct{}

	mu      sync.Mutex
	buf     []byte
	spare   []byte
	dropped int
}

// NewWriter returns a Writer that writes to w in a goroutine. Close ends that.
func NewWriter(w io.Writer) *Writer {
	l := &Writer{w: w, wake: make(chan struct{}, 1), closing: make(chan struct{}), closed: make(chan struct{})}
	go l.run()
	return l
}

// Write adds a line to the buffer. It never fails.
func (l *Writer) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.buf)+len(line) > bufferSize {
		l.dropped++
		return len(line), nil
	}
	l.buf = append(l.buf, line...)
	select {
	case l.wake <- struct{}{}:
	default: // run is about to write
	}
	return len(line), nil
}

// Close writes what is left, and waits at most a second for the program that reads the log. Lines written afterwards
// are lost. Call it once.
func (l *Writer) Close() {
	close(l.closing)
	select {
	case <-l.closed:
	case <-time.After(time.Second):
	}
}

func (l *Writer) run() {
	defer close(l.closed)
	for {
		select {
		case <-l.wake:
			select {
			case <-time.After(writeDelay):
			case <-l.closing:
			}
			l.flush()
		case <-l.closing:
			l.flush()
			return
		}
	}
}

func (l *Writer) flush() {
	l.mu.Lock()
	lines, dropped := l.buf, l.dropped
	l.buf, l.spare, l.dropped = l.spare[:0], nil, 0
	l.mu.Unlock()
	l.w.Write(lines) // if this fails, there is no other place to report it
	if dropped > 0 {
		slog.Warn("log lines dropped: the program that reads this log is too slow", "lines", dropped)
	}
	l.mu.Lock()
	l.spare = lines[:0]
	l.mu.Unlock()
}
