package logs

import (
	"bytes"
	"io"
	"log/slog"
	"sync"
	"time"
)

const (
	writeDelay = 20 * time.Millisecond // how long a line waits for others
	bufferSize = 1 << 20               // bytes that wait for a slow reader at most
)

// Writer gathers the lines of requests for a few milliseconds and writes them together. So a request waits neither for
// a system call nor for the program that reads the log. Any other line is written before Write returns, since the
// program may end right after it: log.Fatal, a panic. If the reader of the log is stuck, the first such line waits
// maxWait, and the next ones do not wait until the reader continues. If the buffer is full, a line is dropped and
// counted. It is safe for concurrent use.
type Writer struct {
	w       io.Writer
	wake    chan struct{}
	now     chan struct{} // as wake, without a delay
	closing chan struct{}
	closed  chan struct{}

	mu      sync.Mutex
	buf     []byte
	spare   []byte
	dropped int
	written chan struct{} // closed when what is in buf has been written
	stuck   bool          // a line has waited in vain
	direct  bool          // after Close
}

// maxWait is how long a line waits for a reader that is stuck.
const maxWait = time.Second

// NewWriter returns a Writer that writes to w in a goroutine. Close ends that.
func NewWriter(w io.Writer) *Writer {
	l := &Writer{w: w, wake: make(chan struct{}, 1), now: make(chan struct{}, 1), closing: make(chan struct{}),
		closed: make(chan struct{}), written: make(chan struct{})}
	go l.run()
	return l
}

// Write writes a line, or adds it to the buffer. It never fails.
func (l *Writer) Write(line []byte) (int, error) {
	l.mu.Lock()
	if l.direct {
		l.mu.Unlock()
		select {
		case <-l.closed:
			l.w.Write(line)
		default: // the reader is stuck
		}
		return len(line), nil
	}
	if len(l.buf)+len(line) > bufferSize {
		defer l.mu.Unlock()
		l.dropped++
		return len(line), nil
	}
	l.buf = append(l.buf, line...)
	written, waits := l.written, !l.stuck
	l.mu.Unlock()
	if isRequest(line) {
		signal(l.wake)
		return len(line), nil
	}
	signal(l.now)
	if waits {
		select {
		case <-written:
		case <-time.After(maxWait):
			l.mu.Lock()
			select {
			case <-written:
			default:
				l.stuck = true
			}
			l.mu.Unlock()
		}
	}
	return len(line), nil
}

func signal(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default: // run is about to write
	}
}

// isRequest reports whether a line is that of a request, by its message, which both formats write before any value that
// a client chose.
func isRequest(line []byte) bool {
	_, message, _ := bytes.Cut(line, []byte("msg"))
	return bytes.HasPrefix(message, []byte(`":"request",`)) || bytes.HasPrefix(message, []byte("=request "))
}

// Close writes the lines that wait, and waits at most a second for the program that reads the log. Lines after it are
// written directly. Call it once.
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
		case <-l.now:
			l.flush(false)
		case <-l.wake:
			select {
			case <-time.After(writeDelay):
			case <-l.now:
			case <-l.closing:
			}
			l.flush(false)
		case <-l.closing:
			l.flush(true)
			return
		}
	}
}

// flush writes what the buffer has. If last is true, nothing is added to it any more.
func (l *Writer) flush(last bool) {
	l.mu.Lock()
	lines, dropped, written := l.buf, l.dropped, l.written
	l.buf, l.spare, l.dropped, l.written, l.direct = l.spare[:0], nil, 0, make(chan struct{}), last
	l.mu.Unlock()
	l.w.Write(lines) // if this fails, there is no other place to report it
	close(written)
	if last {
		return
	}
	l.mu.Lock()
	l.spare, l.stuck = lines[:0], false
	l.mu.Unlock()
	if dropped > 0 {
		go slog.Warn("log lines dropped: the program that reads this log is too slow", "lines", dropped)
	}
}
