package middleware

import (
	"log/slog"
	"runtime"
	"strings"
	"testing"

	"example.com/turnkey/middleware/proxyheader"
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

// The redirect keeps the path as the client wrote it, since %2F is no slash.
func TestRedirectKeepsEscapedSlashes(t *testing.T) {
	t.Parallel()
	srv := chained(t, Options{Log: slog.New(slog.DiscardHandler), Proxies: proxyheader.Policy{TLSEnds: true}})
	for _, path := range []string{"/a%2Fb", "/a%2fb%20c", "/a%2Fb/%C3%BC?q=%2F", "/a%2Fb%25", "/a%2Fb+c%2Bd", "/%20/a+b/%C3%BC"} {
		resp := send(t, srv, "GET", path, "", "Host", "shop.test")
		if got := resp.Header.Get("Location"); resp.StatusCode != 308 || got != "https://shop.test"+path {
			t.Errorf("%s got %d %s", path, resp.StatusCode, got)
		}
	}
}
