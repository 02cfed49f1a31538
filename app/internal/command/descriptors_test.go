//go:build unix

package command

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gin-gonic/gin"

	"example.com/turnkey/app/kit"
)

func init() { limitRoutes = routesUnderLimit }

// limited is this program in a process of its own, with few file descriptors.
type limited struct {
	t           *testing.T
	https, http string
	out         *syncBuffer
	stop        func() // and wait for the end
}

// routesUnderLimit are in that process beside those of every test: a response that begins and takes its time, and a connection that
// a handler takes over.
func routesUnderLimit(r *gin.Engine, server kit.Server) error {
	if err := testRoutes(r, server); err != nil {
		return err
	}
	r.GET("/slow", func(c *gin.Context) {
		kit.Stream(c)
		io.WriteString(c.Writer, "begun\n")
		c.Writer.Flush()
		time.Sleep(3 * time.Second)
		io.WriteString(c.Writer, "whole\n")
	})
	r.GET("/taken", func(c *gin.Context) {
		conn, rw, err := c.Writer.Hijack()
		if err != nil {
			return
		}
		defer conn.Close()
		conn.SetDeadline(time.Time{})
		io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
		for {
			line, err := rw.ReadString('\n')
			if err != nil {
				return
			}
			io.WriteString(conn, line)
		}
	})
	return nil
}

func startLimited(t *testing.T, descriptors int) *limited {
	t.Helper()
	dir := t.TempDir()
	issue(t, dir, "shop.test")
	inner := passedCommand(dir, map[string]string{"LOG_FORMAT": "json", "TURNKEY_TEST_ROUTES": "limit"}, nil)
	cmd := exec.Command("sh", "-c", fmt.Sprintf(`ulimit -n %d && exec "$0"`, descriptors), inner.Path)
	cmd.Dir, cmd.Env = inner.Dir, inner.Env
	l := &limited{t: t, out: &syncBuffer{}}
	r, w := pipePair(t)
	cmd.Stdout, cmd.Stderr = w, w
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	ended := make(chan struct{})
	go func() { cmd.Wait(); close(ended) }()
	l.stop = func() { cmd.Process.Signal(os.Interrupt); <-ended }
	t.Cleanup(func() {
		cmd.Process.Kill()
		<-ended
		if t.Failed() {
			t.Logf("output:\n%s", l.out)
		}
	})
	both := io.TeeReader(r, l.out)
	l.https = servingAddr(t, both)
	go io.Copy(io.Discard, both)
	s := &site{t: t, out: l.out, exit: make(chan int)}
	l.http, _, _ = strings.Cut(s.logged("serving")["http"].(string), " ")
	return l
}

func (l *limited) tls(protocol string) *tls.Conn {
	l.t.Helper()
	conn, err := tls.DialWithDialer(&net.Dialer{Timeout: 10 * time.Second}, "tcp", l.https,
		&tls.Config{InsecureSkipVerify: true, ServerName: "shop.test", NextProtos: []string{protocol}})
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() { conn.Close() })
	return conn
}

func (l *limited) tcp(addr string) net.Conn {
	l.t.Helper()
	conn, err := net.DialTimeout("tcp", addr, 10*time.Second)
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() { conn.Close() })
	return conn
}

// idleKinds are what a client can leave open without a request in flight.
var idleKinds = map[string]func(l *limited){
	"silent TCP":         func(l *limited) { l.tcp(l.https) },
	"silent, plain port": func(l *limited) { l.tcp(l.http) },
	"half a hello":       func(l *limited) { l.tcp(l.https).Write([]byte{22, 3, 1, 2, 0, 1, 0}) },
	"HTTP/1.1 idle": func(l *limited) {
		conn := l.tls("http/1.1")
		io.WriteString(conn, "HEAD /healthz HTTP/1.1\r\nHost: shop.test\r\n\r\n")
		bufio.NewReader(conn).ReadString('\n')
	},
	"HTTP/2 idle": func(l *limited) {
		conn := l.tls("h2")
		io.WriteString(conn, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00")
	},
	"half a header": func(l *limited) { io.WriteString(l.tcp(l.http), "GET / HTTP/1.1\r\nX-") },
}

func TestIdleConnectionsMakeRoomForNewVisitors(t *testing.T) {
	t.Parallel()
	for kind, open := range idleKinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			l := startLimited(t, 64)

			request := l.tls("http/1.1") // in flight, for longer than all of this takes
			io.WriteString(request, "GET /slow HTTP/1.1\r\nHost: shop.test\r\nConnection: close\r\n\r\n")
			answer := bufio.NewReader(request)
			for line := ""; line != "begun\n"; {
				var err error
				if line, err = answer.ReadString('\n'); err != nil {
					t.Fatal(err)
				}
			}
			taken := l.tls("http/1.1")
			io.WriteString(taken, "GET /taken HTTP/1.1\r\nHost: shop.test\r\n\r\n")
			echo := bufio.NewReader(taken)
			for line := ""; line != "\r\n"; {
				var err error
				if line, err = echo.ReadString('\n'); err != nil {
					t.Fatal(err)
				}
			}

			var lost atomic.Int64
			for range 120 {
				open(l)
			}
			for range 40 {
				client := visitorAt(l.https, "shop.test")
				client.Timeout = 4 * time.Second
				resp, err := client.Get("https://shop.test/healthz")
				if err != nil {
					lost.Add(1)
					t.Log(err)
					continue
				}
				resp.Body.Close()
			}
			if n := lost.Load(); n > 0 {
				t.Errorf("%d of 40 new visitors got no answer", n)
			}
			if rest, err := io.ReadAll(answer); err != nil || !strings.Contains(string(rest), "whole\n") {
				t.Errorf("the request in flight got %q, %v", rest, err)
			}
			io.WriteString(taken, "still there\n")
			taken.SetReadDeadline(time.Now().Add(5 * time.Second))
			if line, err := echo.ReadString('\n'); line != "still there\n" {
				t.Errorf("the connection that a handler took over read %q, %v", line, err)
			}
			l.stop()
			s := &site{t: t, out: l.out, exit: make(chan int)}
			said := s.logged("few file descriptors are left; the connections that have been idle longest are closed")
			if said["closed"].(float64) < 60 || said["limit"] != 64.0 ||
				!strings.Contains(fmt.Sprint(said["fix"]), "LimitNOFILE") {
				t.Errorf("the log says %v", said)
			}
			lines := 0
			for line := range strings.Lines(l.out.String()) {
				if !strings.Contains(line, `"msg":"request"`) {
					lines++
				}
			}
			if lines > 8 {
				t.Errorf("%d log lines besides requests, want a few", lines)
			}
		})
	}
}

// later is when connections that became idle at the epoch have had their handshakeTime.
const later = int64(2 * handshakeTime)

// In a flood a visitor is shaking hands when many others came before and after; all get the same time for it.
func TestAYoungConnectionHasTimeToShakeHands(t *testing.T) {
	t.Parallel()
	var c conns
	near, far := net.Pipe()
	defer far.Close()
	it := &conn{}
	it.idleSince.Store(later)
	c.byConn.Store(near, it)
	for _, after := range []time.Duration{0, handshakeTime - 1} {
		if n, wait := c.closeIdle(later + int64(after)); n != 0 || wait != handshakeTime-after {
			t.Errorf("after %s %d were closed, to wait %s; want none, and the rest of %s", after, n, wait, handshakeTime)
		}
	}
	if n, wait := c.closeIdle(later + int64(handshakeTime)); n != 1 || wait != 0 {
		t.Errorf("after %s %d were closed, to wait %s; want 1", handshakeTime, n, wait)
	}
}

// The longest idle goes first, and one that is used stays.
func TestTheLongestIdleIsClosedFirst(t *testing.T) {
	t.Parallel()
	var c conns
	var peers []net.Conn
	for i := range 10 {
		near, far := net.Pipe()
		peers = append(peers, far)
		it := &conn{accepted: time.Now()}
		it.idleSince.Store(int64(10 - i)) // the last came first
		c.byConn.Store(near, it)
		if i == 9 {
			it.setState(http.StateActive)
		}
	}
	for closedBefore := range 9 {
		if n, _ := c.closeIdle(later); n != 1 {
			t.Fatalf("%d closed, want 1", n)
		}
		peer := peers[8-closedBefore]
		peer.SetReadDeadline(time.Now().Add(time.Second))
		if _, err := peer.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("connection %d was not closed in its turn: %v", 8-closedBefore, err)
		}
	}
	if n, _ := c.closeIdle(later); n != 0 {
		t.Errorf("a connection with a request in flight was closed")
	}
}

// tls.Conn.Close waits for 5 seconds until the client has read the last alert. Accept must not: it closes idle connections.
func TestAClientThatReadsNothingDoesNotDelayItsClosing(t *testing.T) {
	t.Parallel()
	cert := clientOf(t, filepath.Join(t.TempDir(), "ca.pem"))
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		defer far.Close()
		server := tls.Server(near, &tls.Config{Certificates: []tls.Certificate{cert}, SessionTicketsDisabled: true})
		go tls.Client(far, &tls.Config{InsecureSkipVerify: true}).Handshake()
		if err := server.Handshake(); err != nil {
			t.Fatal(err)
		}
		var c conns
		it := &conn{}
		it.idleSince.Store(1)
		c.byConn.Store(server, it)
		begin := time.Now()
		if n, _ := c.closeIdle(later); n != 1 || time.Since(begin) > 0 {
			t.Errorf("%d closed after %s, want 1 at once", n, time.Since(begin))
		}
	})
}

// Connections that were closed a moment ago still have their descriptors, so Accept counts them before it closes more.
func TestAcceptCountsConnectionsThatAreStillClosing(t *testing.T) {
	t.Parallel()
	var c conns
	var srv http.Server
	c.watch(&srv)
	var idle []net.Conn
	for range 3 {
		near, far := net.Pipe()
		t.Cleanup(func() { far.Close() })
		srv.ConnContext(t.Context(), near)
		idle = append(idle, near)
	}
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer inner.Close()
	d := &descriptors{conns: &c, most: 1} // every descriptor is too near the limit
	ln := d.listener(inner)
	accept := func() {
		client, err := net.Dial("tcp", inner.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		conn, err := ln.Accept()
		if err != nil {
			t.Fatal(err)
		}
		conn.Close()
	}
	const many = 1 << 30 // more than there can be descriptors
	c.closing.Store(many)
	if accept(); d.closed.Load() != 0 {
		t.Errorf("%d closed while enough others are closing, want none", d.closed.Load())
	}
	c.closing.Store(0)
	if accept(); d.closed.Load() != 1 || c.closing.Load() != 1 {
		t.Errorf("%d closed and %d closing, want 1 and 1", d.closed.Load(), c.closing.Load())
	}
	for _, conn := range idle {
		srv.ConnState(conn, http.StateClosed)
	}
	if n := c.closing.Load(); n != 0 {
		t.Errorf("%d are closing after net/http reported the end of all, want 0", n)
	}
}
