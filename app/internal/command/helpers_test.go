package command

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/turnkey/app/internal/logs"
	"example.com/turnkey/app/internal/server"
	"example.com/turnkey/app/kit"
	"example.com/turnkey/tlsconfig"
)

// typed sends raw bytes to the TLS port without TLS and returns the response, or nil if there is none.
func typed(t *testing.T, addr, raw string) *http.Response {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	io.WriteString(conn, raw)
	method, _, _ := strings.Cut(raw, " ")
	resp, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		return nil
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil || method != "HEAD" && resp.ContentLength >= 0 && int64(len(body)) != resp.ContentLength {
		t.Errorf("%q: the body is broken: %d of %d bytes, %v", raw, len(body), resp.ContentLength, err)
	}
	return resp
}

// eventually waits for a condition.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("still not there: %s", what)
		}
	}
}

// refused waits until no listener has that address. The system closes one only when the last call of Accept has ended.
func refused(t *testing.T, addr string) {
	t.Helper()
	eventually(t, "a closed listener", func() bool {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			conn.Close()
		}
		return err != nil
	})
}

func with(m map[string]string, pairs ...string) map[string]string {
	out := map[string]string{}
	for k, v := range m {
		out[k] = v
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		out[pairs[i]] = pairs[i+1]
	}
	return out
}

// lookupIn returns a lookup in a map.
func lookupIn(env map[string]string) func(string) (string, bool) {
	return func(k string) (string, bool) { v, ok := env[k]; return v, ok }
}

// handlerOf returns a site's handler with the whole chain, without opening a port.
func handlerOf(tb testing.TB, env map[string]string, site kit.Site, out io.Writer) http.Handler {
	l := load(World{Lookup: lookupIn(env)}, site)
	if len(l.faults) > 0 {
		tb.Fatal(l.faults)
	}
	source, err := tlsconfig.New(tlsconfig.Options{Mode: tlsconfig.Proxy})
	if err != nil {
		tb.Fatal(err)
	}
	s, err := server.New(server.Options{Settings: l.settings, Site: site, Ports: l.ports, Source: source, Hosts: l.hosts,
		Log: logs.New(out, l.settings.LogLevel, l.settings.LogJSON)})
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// prod is a production setting that needs no certificate authority: PEM files for shop.test.
var prod = map[string]string{"ENV": "prod", "TLS_MODE": "files", "DOMAINS": "shop.test,www.shop.test"}

type syncBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

func pick[T any](cond bool, yes, no T) T {
	if cond {
		return yes
	}
	return no
}
