package store

import (
	"net"
	"sync"
	"testing"
	"time"
)

// connections counts those to a server, which answers every command as an empty Redis does.
type connections struct {
	mu         sync.Mutex
	open, made int
	live       map[net.Conn]bool
}

func countConnections(t *testing.T) (*connections, string) {
	t.Helper()
	c := &connections{live: map[net.Conn]bool{}}
	addr := serveRedisOn(t, func([]string) string { return "*0\r\n" }, func(conn net.Conn, opened bool) {
		c.mu.Lock()
		defer c.mu.Unlock()
		if opened {
			c.open, c.made, c.live[conn] = c.open+1, c.made+1, true
		} else {
			c.open--
			delete(c.live, conn)
		}
	})
	return c, addr
}

// want waits until so many connections are open, and so many were made in all.
func (c *connections) want(t *testing.T, open, made int) {
	t.Helper()
	for begin := time.Now(); ; time.Sleep(5 * time.Millisecond) {
		c.mu.Lock()
		gotOpen, gotMade := c.open, c.made
		c.mu.Unlock()
		if gotOpen == open && gotMade == made {
			return
		}
		if time.Since(begin) > 10*time.Second {
			t.Fatalf("%d connections are open of %d that were made, want %d of %d", gotOpen, gotMade, open, made)
		}
	}
}

func (c *connections) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for conn := range c.live {
		conn.Close()
	}
}

// The store is asked for changes every few seconds, for years.
func TestChangesKeepOneConnection(t *testing.T) {
	t.Parallel()
	c, addr := countConnections(t)
	slot, err := Config{Where: "redis://" + addr}.Open(caURL)
	if err != nil {
		t.Fatal(err)
	}
	poll := func() {
		t.Helper()
		for range 5 {
			if _, _, _, err := slot.Changes(t.Context(), 0); err != nil {
				t.Error(err)
			}
		}
	}
	poll()
	c.want(t, 1, 1)
	c.cut()
	c.want(t, 0, 1)
	poll() // none of the calls fails
	c.want(t, 1, 2)
	slot.Close()
	c.want(t, 0, 2)
	poll()
	c.want(t, 0, 7) // a call after the end leaves nothing open
}
