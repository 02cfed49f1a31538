//go:build linux

package bench

import (
	"testing"
	"time"
)

const (
	idleConnections = 500
	idleRounds      = 3
)

// idle returns the rows of what a connection takes of a server's memory that was used once and is open still. All servers
// are measured at the same moments: when all connections have had their answer, and again after collections, as many as
// shrink a grown stack to what it needs, with the time in which Go gives memory back to the system. nginx has no garbage.
func idle(t *testing.T, dir string, kinds []kind) (rows []row) {
	t.Helper()
	for _, p := range []struct{ name, protocol string }{{"HTTP/1.1", "http/1.1"}, {"HTTP/2", "h2"}} {
		now, collected := make([][]float64, len(kinds)), make([][]float64, len(kinds))
		for range idleRounds {
			for i, kib := range idleRound(t, dir, kinds, p.protocol) {
				now[i], collected[i] = append(now[i], kib[0]), append(collected[i], kib[1])
			}
		}
		rows = append(rows, newRow("an idle connection, "+p.name, "KiB", names(kinds), now),
			newRow("an idle connection after a collection, "+p.name, "KiB", names(kinds), collected))
	}
	return rows
}

// idleRound returns for each server how many KiB a connection takes, right after its answer and after collections.
func idleRound(t *testing.T, dir string, kinds []kind, protocol string) [][2]float64 {
	t.Helper()
	servers := startAll(t, dir, kinds, true)
	collectAll(t, servers)
	base, result := make([]float64, len(servers)), make([][2]float64, len(servers))
	for i, s := range servers {
		base[i] = s.memory(t)
	}
	for range idleConnections { // to each in turn, so that none has longer to recover
		for _, s := range servers {
			c, err := s.dial(protocol)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if _, err := newClient(c, request{protocol, "/json", "identity"}, 1).exchange(); err != nil {
				t.Fatalf("%s: %v", s.name, err)
			}
		}
	}
	for when := range 2 {
		for i, s := range servers {
			result[i][when] = (s.memory(t) - base[i]) / idleConnections
		}
		if when == 0 {
			collectAll(t, servers)
		}
	}
	for _, s := range servers {
		s.stop()
	}
	return result
}

func collectAll(t *testing.T, servers []*server) {
	t.Helper()
	for range 5 { // a collection halves a stack
		for _, s := range servers {
			s.collect(t)
		}
		time.Sleep(time.Second)
	}
}
