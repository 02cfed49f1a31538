package middleware

import (
	"log/slog"
	"runtime"
	"strings"
	"testing"
)

// A path with an escaped slash is taken apart. Its parts must not cost kilobytes each.
func TestPathOfManyPartsTakesLittleMemory(t *testing.T) {
	srv := chained(t, Options{Log: slog.New(slog.DiscardHandler)})
	path := strings.Repeat("/a", 10_000) + "%2F"
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	resp := send(t, srv, "GET", path, "")
	runtime.ReadMemStats(&after)
	if took := (after.TotalAlloc - before.TotalAlloc) >> 20; resp.StatusCode != 404 || took > 10 {
		t.Errorf("a path of %d KB got %d and took %d MB", len(path)>>10, resp.StatusCode, took)
	}
}
