// Package loglimit bounds what clients can write into the log and into responses: Limit bounds how often, Shorten how
// much.
package loglimit

import (
	"maps"
	"strings"
	"sync"
	"time"
)

const (
	// MaxLogged is how many bytes of a client's header the log repeats.
	MaxLogged = 200
	// MaxQuoted is how many bytes of a client's text a response repeats.
	MaxQuoted = 40
)

// Shorten returns at most n bytes of a text that a client chose, as valid UTF-8, for the log or a response.
func Shorten(text string, n int) string {
	if len(text) > n {
		return strings.ToValidUTF8(text[:n], "") + "…"
	}
	return text
}

const (
	// every is how long a Limit refuses a kind of message after it was logged.
	every = time.Hour
	// maxKinds is how many kinds of message a Limit allows within that time. It is bounded because clients choose
	// some kinds.
	maxKinds = 8
)

// Limit keeps messages that requests cause from filling the log. It allows each kind once an hour, and only maxKinds
// kinds within an hour. The zero value is ready.
type Limit struct {
	mu     sync.Mutex
	logged map[string]time.Time // by kind
}

// Allow reports whether a message of this kind may be logged now, and counts it as logged.
func (l *Limit) Allow(kind string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	maps.DeleteFunc(l.logged, func(_ string, last time.Time) bool { return now.Sub(last) >= every })
	if _, ok := l.logged[kind]; ok || len(l.logged) >= maxKinds {
		return false
	}
	if l.logged == nil {
		l.logged = map[string]time.Time{}
	}
	l.logged[kind] = now
	return true
}
