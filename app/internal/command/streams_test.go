package command_test

import (
	"bytes"
	"crypto/tls"
	"io"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"example.com/turnkey/app/kit"
)

// thirsty is an HTTP/2 client that requests pages on many streams and reads none of their data.
type thirsty struct {
	*http2.Framer
	most    uint32 // the limit of streams that the server announced
	refused int
}

func openThirsty(t *testing.T, addr string, streams int) *thirsty {
	t.Helper()
	conn, err := tls.Dial("tcp", addr, &tls.Config{InsecureSkipVerify: true, ServerName: "shop.test", NextProtos: []string{"h2"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	conn.Write([]byte(http2.ClientPreface))
	c := &thirsty{Framer: http2.NewFramer(conn, conn)}
	c.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 0})
	c.until(t, func(f http2.Frame) bool { s, ok := f.(*http2.SettingsFrame); return ok && s.IsAck() })
	var header bytes.Buffer
	encoder := hpack.NewEncoder(&header)
	for i := range streams {
		header.Reset()
		for _, f := range [][2]string{{":method", "GET"}, {":scheme", "https"}, {":authority", "shop.test"}, {":path", "/"}} {
			encoder.WriteField(hpack.HeaderField{Name: f[0], Value: f[1]})
		}
		err := c.WriteHeaders(http2.HeadersFrameParam{StreamID: uint32(2*i + 1), BlockFragment: header.Bytes(), EndHeaders: true,
			EndStream: true})
		if err != nil {
			t.Fatal(err)
		}
	}
	answered := 0
	c.until(t, func(f http2.Frame) bool {
		switch f.(type) {
		case *http2.HeadersFrame:
			answered++
		case *http2.RSTStreamFrame:
			c.refused++
		}
		return answered+c.refused == streams
	})
	return c
}

func (c *thirsty) until(t *testing.T, ok func(http2.Frame) bool) {
	t.Helper()
	for {
		f, err := c.ReadFrame()
		if err != nil {
			t.Fatal(err)
		}
		if s, is := f.(*http2.SettingsFrame); is && !s.IsAck() {
			c.most, _ = s.Value(http2.SettingMaxConcurrentStreams)
			c.WriteSettingsAck()
		}
		if ok(f) {
			return
		}
	}
}

// The test runs in a process of its own, because it measures memory.
func TestUnreadStreamsUseLittleMemory(t *testing.T) {
	if os.Getenv("TURNKEY_TEST_ALONE") == "" {
		t.Parallel()
		cmd := exec.Command(os.Args[0], "-test.run", "^"+t.Name()+"$", "-test.v")
		cmd.Env = append(os.Environ(), "TURNKEY_TEST_ALONE=1")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		for line := range strings.Lines(string(out)) {
			if strings.Contains(line, "a connection") {
				t.Log(strings.TrimSpace(line))
			}
		}
		return
	}
	s := start(t, prod)
	used := func() float64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return float64(m.HeapInuse+m.StackInuse) / (1 << 20)
	}
	openThirsty(t, s.https, 1) // allocates what the server needs only once
	before := used()
	const conns = 8
	for range conns {
		c := openThirsty(t, s.https, 250)
		if c.most != maxStreams || c.refused != 250-maxStreams {
			t.Errorf("%d streams announced, %d of 250 refused; want %d and %d", c.most, c.refused, maxStreams, 250-maxStreams)
		}
	}
	each := (used() - before) / conns
	t.Logf("%.1f MB a connection", each)
	if each > 6 {
		t.Errorf("%.1f MB a connection, want less than half of what 250 streams take", each)
	}
}

// A stream outlives the server's timeouts behind the whole middleware chain.
func TestAStreamOutlivesTheTimeoutsBehindTheMiddleware(t *testing.T) {
	t.Parallel()
	const timeout = time.Second
	srv := serveChain(t, siteWith(func(r *gin.Engine) {
		r.GET("/ticks", kit.E(func(c *gin.Context) error {
			if err := kit.Stream(c); err != nil {
				return err
			}
			for range 2 {
				c.SSEvent("tick", "")
				c.Writer.Flush()
				time.Sleep(timeout/2 + 50*time.Millisecond)
			}
			c.SSEvent("tick", "")
			return nil
		}))
	}), io.Discard, timeout, timeout)
	h2 := srv.Client().Transport.(*http.Transport)
	for name, transport := range map[string]*http.Transport{"h2": h2, "http/1.1": onlyHTTP1(h2)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			req, err := http.NewRequest("GET", srv.URL+"/ticks", nil)
			if err != nil {
				t.Fatal(err)
			}
			req.Host = "example.com"
			resp, err := transport.RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			if got, err := io.ReadAll(resp.Body); err != nil || strings.Count(string(got), "event:tick") != 3 {
				t.Errorf("got %q, %v, want three events", got, err)
			}
		})
	}
}
