package logs

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"
)

func TestARequestIsAShortLine(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		path   string
		status int
		took   time.Duration
		want   string
	}{
		{"/orders", 200, 1100 * time.Microsecond, "GET /orders \x1b[92m200\x1b[0m \x1b[2m1.1 ms\x1b[0m\n"},
		{"/orders", 303, 2500 * time.Millisecond, "GET /orders \x1b[96m303\x1b[0m \x1b[2m2.5 s\x1b[0m\n"},
		{"/orders", 404, 10 * time.Minute, "GET /orders \x1b[93m404\x1b[0m \x1b[2m10m0s\x1b[0m\n"},
		{"/orders", 500, 0, "GET /orders \x1b[91m500\x1b[0m \x1b[2m0.0 ms\x1b[0m \x1b[2mrequest_id=abc\x1b[0m\n"},
		{"/müller", 200, 0, "GET /müller \x1b[92m200\x1b[0m \x1b[2m0.0 ms\x1b[0m\n"},
		{"/a 200 1.1 ms", 404, 0, "GET \"/a 200 1.1 ms\" \x1b[93m404\x1b[0m \x1b[2m0.0 ms\x1b[0m\n"},
		{"/static/style.css", 200, 0, ""},
		{"/static/style.css", 404, 0, "GET /static/style.css \x1b[93m404\x1b[0m \x1b[2m0.0 ms\x1b[0m\n"},
	} {
		for _, colour := range []bool{true, false} {
			want := test.want
			if !colour {
				want = escapeCode.ReplaceAllString(want, "")
			}
			var out bytes.Buffer
			answered(NewForPeople(&out, slog.LevelInfo, colour), "GET", test.path, test.status, test.took)
			if got := out.String(); got != want {
				t.Errorf("%s %d, colour %v: got %q, want %q", test.path, test.status, colour, got, want)
			}
		}
	}
	var out bytes.Buffer
	answered(NewForPeople(&out, slog.LevelDebug, false), "GET", "/static/style.css", 200, 0)
	if got := out.String(); got != "GET /static/style.css 200 0.0 ms\n" {
		t.Errorf("at level debug an asset is %q", got)
	}
}

// What a client sends reaches the log as path, method, host, header, or as a part of an error.
func TestClientsBringNothingToTheTerminal(t *testing.T) {
	t.Parallel()
	for _, hostile := range []string{
		"/\x1b[2J", "/\x1b]0;title\x07", "/a\r\nGET /forged 200 1.1 ms", "/\u009b31m", "/\x9b31m", "/\u202egpj", "/\u2066x\u2069",
		"/\x7f", "/\u2028", "/\ufeff", `/\x1b[31m and a space`, `\x1b[31m`, "/\x00", "/\u200b",
	} {
		for _, colour := range []bool{true, false} {
			var out bytes.Buffer
			log := NewForPeople(&out, slog.LevelDebug, colour)
			answered(log, "GET", hostile, 200, 0)
			answered(log, hostile, "/", 500, 0)
			log.Warn(hostile)
			log.Error("request failed", "path", hostile, "error", errors.New(hostile), "any", []string{hostile}, "raw", []byte(hostile))
			log.With("host", hostile).WithGroup("g").Info("said", "x", hostile, slog.Group("h", "y", hostile))
			log.Error("panic", "stack", "goroutine 1 [running]:\nmain.f("+hostile+")\n\t/"+hostile+":1 +0x1\n")
			checkHarmless(t, hostile, out.String(), 7+2*strings.Count(hostile, "\n"), colour)
		}
		for _, json := range []bool{true, false} {
			var out bytes.Buffer
			log := New(&out, slog.LevelDebug, json)
			answered(log, "GET", hostile, 200, 0)
			log.With("host", hostile).Error("request failed: "+hostile, "error", errors.New(hostile), "any", []string{hostile})
			checkHarmless(t, hostile, out.String(), 2, false)
		}
	}
}

// A stack may have more lines for each line that a client brought into it.
func checkHarmless(t *testing.T, hostile, out string, lines int, colour bool) {
	t.Helper()
	if got := strings.Count(out, "\n"); got > lines {
		t.Errorf("%q made %d lines, want %d:\n%q", hostile, got, lines, out)
	}
	if colour {
		out = escapeCode.ReplaceAllString(out, "")
		if strings.Contains(hostile, "[31m") && strings.Count(out, "[31m") < 7 {
			t.Errorf("%q is not shown as it came:\n%q", hostile, out)
		}
	}
	if rest := strings.ReplaceAll(out, "\n", ""); !isPrintable(rest) {
		t.Errorf("%q brought what is not printable:\n%q", hostile, out)
	}
}

func TestAPanicIsAReadableStack(t *testing.T) {
	t.Parallel()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	stack := "goroutine 51 [running]:\nruntime/debug.Stack()\n\t/go/src/runtime/debug/stack.go:26 +0x5e\n" +
		module + "/middleware.failures.func2.1()\n\t" + dir + "/middleware/failures.go:50 +0x9c\n" +
		"panic({0xa5c0a0?, 0xc31f40?})\n\t/go/src/runtime/panic.go:783 +0x132\n" +
		module + "/handlers.(*shop).order(0xc0001, {0x1, 0x2})\n\t" + dir + "/handlers/orders.go:12 +0x25\n" +
		"github.com/gin-gonic/gin.(*Context).Next(...)\n\t/mod/gin@v1.12.0/context.go:192\n" +
		module + "/middleware.failures.func2(0xc0002)\n\t" + dir + "/middleware/failures.go:55 +0x72\n" +
		module + "/shop/prices.Of(...)\n\t" + dir + "/shop/prices/prices.go:7\n" +
		"created by net/http.(*Server).Serve in goroutine 1\n\t/go/src/net/http/server.go:3454 +0x485\n"
	var out bytes.Buffer
	log := NewForPeople(&out, slog.LevelInfo, false)
	log.Error("request failed", "error", "panic: no milk", "stack", stack)
	_, got, _ := strings.Cut(out.String(), " ") // without the time
	const want = `ERR request failed error="panic: no milk"
    handlers/orders.go:12  handlers.(*shop).order
    shop/prices/prices.go:7  prices.Of
    /mod/gin@v1.12.0/context.go:192  gin.(*Context).Next
    middleware/failures.go:55  middleware.failures.func2
    /go/src/net/http/server.go:3454  created by http.(*Server).Serve in goroutine 1
`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestJSONHasTheUnitOfADurationInItsName(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	log := New(&out, slog.LevelInfo, true)
	answered(log, "GET", "/", 200, 1234567*time.Nanosecond)
	log.Info("with a space", "took", time.Minute, "wait_ms", 1500*time.Microsecond, slog.Group("g", "took", time.Millisecond))
	for _, want := range []string{`"duration_ms":1.235,`, `"took_ms":60000,`, `"wait_ms":1.5,`, `"g":{"took_ms":1}`} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("there is no %s in\n%s", want, &out)
		}
	}
}

// Helpers

var escapeCode = regexp.MustCompile("\x1b\\[[0-9;]+m")

// answered logs a request as middleware.AccessLog does.
func answered(log *slog.Logger, method, path string, status int, took time.Duration) {
	log.LogAttrs(context.Background(), slog.LevelInfo, "request", slog.String("method", method), slog.String("path", path),
		slog.Int("status", status), slog.Int("bytes", 0), slog.Duration("duration", took), slog.String("client", "192.0.2.1"),
		slog.String("proto", "HTTP/2.0"), slog.String("request_id", "abc"))
}
