package loglimit

import (
	"strings"
	"testing"
	"time"
)

func TestALimitIsBounded(t *testing.T) {
	t.Parallel()
	var l Limit
	said := 0
	for i := range 1000 {
		for range 3 {
			if l.Allow(strings.Repeat("x", i)) {
				said++
			}
		}
	}
	if said != maxKinds {
		t.Errorf("1000 kinds were logged %d times, want %d", said, maxKinds)
	}
	for kind := range l.logged {
		l.logged[kind] = time.Now().Add(-every)
	}
	if !l.Allow("another") || !l.Allow("x") || l.Allow("x") {
		t.Error("an hour later, a new kind and an old one should each be logged once")
	}
}
