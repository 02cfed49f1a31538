package middleware

import (
	"maps"
	"strings"
	"sync"
	"time"
)

const (
	// logEvery is how long a LogLimit refuses a kind of message after it was logged.
	logEvery = time.Hour
	// logKinds is how many kinds of message a LogLimit allows within that time. It is bounded because clients choose some kinds.
	logKinds = 8
)

// LogLimit keeps messages that requests cause from filling the log: it allows each kind once an hour, and only logKinds kinds
// within an hour. The zero value is ready.
type LogLimit struct {
	mu     sync.RWMutex
	logged map[string]time.Time // by kind
}

// Allow reports whether a message of this kind may be logged now, and counts it as logged. Requests whose message was logged
// already hold only the read lock, so they do not wait for each other.
func (l *LogLimit) Allow(kind string) bool {
	now := time.Now()
	l.mu.RLock()
	allowed := l.allows(kind, now)
	l.mu.RUnlock()
	if !allowed {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.allows(kind, now) { // another request was faster
		return false
	}
	maps.DeleteFunc(l.logged, func(_ string, last time.Time) bool { return now.Sub(last) >= logEvery })
	if l.logged == nil {
		l.logged = map[string]time.Time{}
	}
	l.logged[kind] = now
	return true
}

func (l *LogLimit) allows(kind string, now time.Time) bool {
	if last, ok := l.logged[kind]; ok {
		return now.Sub(last) >= logEvery
	}
	if len(l.logged) < logKinds {
		return true
	}
	for _, last := range l.logged {
		if now.Sub(last) >= logEvery {
			return true
		}
	}
	return false
}

// shortened returns at most n bytes of what a client chose, as valid UTF-8, for the log or an answer.
func shortened(s string, n int) string {
	if len(s) > n {
		return strings.ToValidUTF8(s[:n], "") + "…"
	}
	return s
}
