//go:build linux

package bench

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"example.com/turnkey/e2e/rig"
)

// server is a process that serves.
type server struct {
	kind, addr, log string
	line            string // what a line of the access log has; empty: there is none
	cmd             *exec.Cmd
	requests        int
}

// start starts a server of a kind and returns when it has answered a request.
func start(t *testing.T, dir, kind string) *server {
	t.Helper()
	s := &server{kind: kind, addr: rig.Loopback(rig.Port(t)), log: filepath.Join(t.TempDir(), "log")}
	s.cmd = exec.Command(filepath.Join(dir, "peer"), kind)
	switch kind {
	case "ours":
		s.cmd, s.line = exec.Command(filepath.Join(dir, "ours")), `"msg":"request"`
	case "default":
		s.line = "[GIN]"
	case "usual":
		s.line = `"msg":"Incoming request"`
	}
	out, err := os.Create(s.log)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	s.cmd.Dir, s.cmd.Stdout, s.cmd.Stderr = dir, out, out
	s.cmd.Env = append(env[:len(env):len(env)], "HTTPS_ADDR="+s.addr, "HOME="+dir)
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.stop)
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(200 * time.Microsecond) {
		if c, err := s.dial("http/1.1"); err == nil {
			defer c.Close()
			if _, err := newH1(c, request{path: "/page", encoding: "identity"}).exchange(); err != nil {
				t.Fatalf("%s: %v\n%s", kind, err, rig.Read(t, s.log))
			}
			return s
		} else if time.Now().After(deadline) {
			t.Fatalf("%s does not serve: %v\n%s", kind, err, rig.Read(t, s.log))
		}
	}
}

func (s *server) stop() {
	s.cmd.Process.Kill()
	s.cmd.Wait()
}

func (s *server) dial(protocol string) (*tls.Conn, error) {
	return tls.Dial("tcp", s.addr, &tls.Config{ServerName: "shop.test", NextProtos: []string{protocol}, InsecureSkipVerify: true})
}

// request is what a client asks for. All servers send the same bytes unless its encoding is gzip: then the usual packages
// compress pages.
type request struct{ protocol, path, encoding string }

// load keeps connections busy and returns the server's processor time a request, in nanoseconds.
func (s *server) load(t *testing.T, r request, d time.Duration) float64 {
	t.Helper()
	var done atomic.Int64
	var wg sync.WaitGroup
	clients := make([]client, 32)
	if r.protocol == "h2" {
		clients = make([]client, 8) // with four open requests each
	}
	for i := range clients {
		c, err := s.dial(r.protocol)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if clients[i] = newH1(c, r); r.protocol == "h2" {
			clients[i] = newH2(c, r)
		}
		if _, err := clients[i].exchange(); err != nil { // so that the handshake is over
			t.Fatalf("%s %v: %v", s.kind, r, err)
		}
		s.requests++
	}
	before, end := s.cpu(t), time.Now().Add(d)
	for _, c := range clients {
		wg.Go(func() {
			for time.Now().Before(end) {
				n, err := c.exchange()
				if err != nil {
					t.Errorf("%s %v: %v", s.kind, r, err)
					return
				}
				done.Add(int64(n))
			}
		})
	}
	wg.Wait()
	n := done.Load()
	s.requests += int(n)
	return (s.cpu(t) - before) / float64(n)
}

// cpu is the processor time that all threads of the server have used, in nanoseconds.
func (s *server) cpu(t *testing.T) (sum float64) {
	t.Helper()
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", s.cmd.Process.Pid))
	if len(files) == 0 {
		t.Fatalf("%s has ended:\n%s", s.kind, rig.Read(t, s.log))
	}
	for _, f := range files {
		first, _, _ := strings.Cut(string(rig.Read(t, f)), " ")
		ns, err := strconv.ParseFloat(first, 64)
		if err != nil {
			t.Fatal(err)
		}
		sum += ns
	}
	return sum
}

// client sends requests over one connection, with little work of its own.
type client interface {
	exchange() (n int, err error) // sends, and returns when n requests are answered
}

type h1 struct {
	conn    *tls.Conn
	request []byte
	r       *bufio.Reader
}

func newH1(c *tls.Conn, r request) *h1 {
	header := "GET " + r.path + " HTTP/1.1\r\nHost: shop.test\r\nUser-Agent: bench\r\nAccept-Encoding: " + r.encoding + "\r\n\r\n"
	return &h1{c, []byte(header), bufio.NewReaderSize(c, 32<<10)}
}

func (h *h1) exchange() (int, error) {
	if _, err := h.conn.Write(h.request); err != nil {
		return 0, err
	}
	length := -1
	for first := true; ; first = false {
		line, err := h.r.ReadSlice('\n')
		switch {
		case err != nil:
			return 0, err
		case first && !bytes.HasPrefix(line, []byte("HTTP/1.1 200")):
			return 0, fmt.Errorf("got %q", line)
		case len(line) == 2:
			if length < 0 {
				return 0, fmt.Errorf("no length")
			}
			_, err := h.r.Discard(length)
			return 1, err
		}
		if rest, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
			length, _ = strconv.Atoi(string(bytes.TrimSpace(rest)))
		}
	}
}

type h2 struct {
	w      *bufio.Writer
	framer *http2.Framer
	block  []byte // of every request; it changes no table of the server
	next   uint32
	open   int
}

const window = 1 << 30 // bytes; no run receives more

func newH2(c *tls.Conn, r request) *h2 {
	h := &h2{w: bufio.NewWriter(c), next: 1}
	h.w.WriteString(http2.ClientPreface)
	h.framer = http2.NewFramer(h.w, bufio.NewReaderSize(c, 64<<10))
	h.framer.SetReuseFrames()
	h.framer.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: window})
	h.framer.WriteWindowUpdate(0, window)
	var block bytes.Buffer
	enc := hpack.NewEncoder(&block)
	enc.SetMaxDynamicTableSize(0)
	for _, field := range [][2]string{{":method", http.MethodGet}, {":scheme", "https"}, {":authority", "shop.test"}, {":path", r.path},
		{"user-agent", "bench"}, {"accept-encoding", r.encoding}} {
		enc.WriteField(hpack.HeaderField{Name: field[0], Value: field[1]})
	}
	h.block = block.Bytes()
	return h
}

func (h *h2) exchange() (int, error) {
	for ; h.open < 4; h.open++ {
		h.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: h.next, BlockFragment: h.block, EndStream: true, EndHeaders: true})
		h.next += 2
	}
	if err := h.w.Flush(); err != nil {
		return 0, err
	}
	for {
		frame, err := h.framer.ReadFrame()
		if err != nil {
			return 0, err
		}
		over := false
		switch f := frame.(type) {
		case *http2.SettingsFrame:
			if !f.IsAck() {
				h.framer.WriteSettingsAck()
			}
		case *http2.PingFrame:
			if !f.IsAck() {
				h.framer.WritePing(true, f.Data)
			}
		case *http2.HeadersFrame:
			// A block may begin with new sizes of the table (RFC 7541 §6.3). 0x88 is :status 200.
			if status := bytes.TrimLeft(f.HeaderBlockFragment(), "\x20"); len(status) == 0 || status[0] != 0x88 {
				return 0, fmt.Errorf("the header block %x does not begin with :status 200", f.HeaderBlockFragment())
			}
			over = f.StreamEnded()
		case *http2.DataFrame:
			over = f.StreamEnded()
		case *http2.RSTStreamFrame, *http2.GoAwayFrame:
			return 0, fmt.Errorf("got %v", f)
		}
		if over {
			h.open--
			return 1, nil
		}
	}
}
