package middleware

import (
	"sync"
	"time"
)

const (
	// sayEvery is how long a finding about requests is not repeated in the log.
	sayEvery = time.Hour
	// sayKinds bounds how many findings of one place are told apart: strangers choose some of the words.
	sayKinds = 8
)

// Seldom keeps what requests give reason to say out of the log's way: each kind once an hour, and only so many kinds
// within that hour. The zero value is ready.
type Seldom struct {
	mu   sync.Mutex
	said map[string]time.Time // by kind
}

// Due reports whether a kind should be said now, and counts it as said.
func (s *Seldom) Due(kind string) bool {
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	if last, ok := s.said[kind]; ok && now.Sub(last) < sayEvery {
		return false
	}
	if len(s.said) >= sayKinds {
		for k, last := range s.said {
			if now.Sub(last) >= sayEvery {
				delete(s.said, k)
			}
		}
		if len(s.said) >= sayKinds {
			return false
		}
	}
	if s.said == nil {
		s.said = map[string]time.Time{}
	}
	s.said[kind] = now
	return true
}

// bounded shortens what a client chose before it goes into the log.
func bounded(s string) string {
	const most = 200
	if len(s) > most {
		return s[:most] + "…"
	}
	return s
}
