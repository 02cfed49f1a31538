//go:build unix

package command_test

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"example.com/turnkey/app/internal/command"
	"example.com/turnkey/app/internal/testcert"
	"example.com/turnkey/app/kit"
)

func init() { limitRoutes = routesUnderLimit }

// limited is this program in a process of its own, with a low limit of file descriptors.
type limited struct {
	t           *testing.T
	https, http string
	out         *syncBuffer
	stop        func() // stops the program and waits for its end
	opened      []net.Conn
}

// routesUnderLimit are added in that process to the routes of every test. The response of /slow begins, and ends when
// /release is requested. The handler of /taken takes a connection over.
func routesUnderLimit(r *gin.Engine, server kit.Server) error {
	if err := command.SampleRoutes(r, server); err != nil {
		return err
	}
	release := make(chan struct{})
	r.GET("/release", func(*gin.Context) { close(release) })
	r.GET("/slow", func(c *gin.Context) {
		kit.Stream(c)
		io.WriteString(c.Writer, "begun\n")
		c.Writer.Flush()
		<-release
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
	testcert.Write(t, filepath.Join(dir, "certs"), "shop.test")
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
	l.http, _, _ = strings.Cut(logLine(t, l.out.String, "serving")["http"].(string), " ")
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
	l.opened = append(l.opened, conn)
	return conn
}

func (l *limited) tcp(addr string) net.Conn {
	l.t.Helper()
	conn, err := net.DialTimeout("tcp", addr, 10*time.Second)
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() { conn.Close() })
	l.opened = append(l.opened, conn)
	return conn
}

// idleKinds are the states in which a client can leave a connection open without a request in flight.
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

func TestIdleConnectionsAreClosedForNewClients(t *testing.T) {
	t.Parallel()
	for kind, open := range idleKinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			l := startLimited(t, 64)
			_, answer := l.ask("/slow", "begun\n") // in flight while clients come
			taken, echo := l.ask("/taken", "\r\n")

			const opened, wantClosed = 120, 60
			for range opened {
				open(l)
			}
			for range 40 {
				l.visit("/healthz")
			}
			var closed atomic.Int64
			for _, conn := range l.opened[len(l.opened)-opened:] {
				go func() { io.Copy(io.Discard, conn); closed.Add(1) }()
			}
			eventually(t, "idle connections that were closed", func() bool { return closed.Load() >= wantClosed })
			l.visit("/release")
			if rest, err := io.ReadAll(answer); err != nil || !strings.Contains(string(rest), "whole\n") {
				t.Errorf("the request in flight got %q, %v", rest, err)
			}
			io.WriteString(taken, "still there\n")
			taken.SetReadDeadline(time.Now().Add(5 * time.Second))
			if line, err := echo.ReadString('\n'); line != "still there\n" {
				t.Errorf("the connection that a handler took over read %q, %v", line, err)
			}
			l.stop()
			said := logLine(t, l.out.String, "few file descriptors are left; the connections that have been idle longest are closed")
			if said["closed"].(float64) < wantClosed || said["limit"] != 64.0 ||
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

// ask sends a request, and reads its response up to a line.
func (l *limited) ask(path, until string) (net.Conn, *bufio.Reader) {
	l.t.Helper()
	conn := l.tls("http/1.1")
	io.WriteString(conn, "GET "+path+" HTTP/1.1\r\nHost: shop.test\r\nConnection: close\r\n\r\n")
	response := bufio.NewReader(conn)
	for line := ""; line != until; {
		var err error
		if line, err = response.ReadString('\n'); err != nil {
			l.t.Fatal(err)
		}
	}
	return conn, response
}

// visit is a new visitor, who must be answered before silent clients are disconnected in any case.
func (l *limited) visit(path string) {
	l.t.Helper()
	client := visitorAt(l.https, "shop.test")
	client.Timeout = headerTimeout - time.Second
	resp, err := client.Get("https://shop.test" + path)
	if err != nil {
		l.t.Errorf("a new visitor got no answer: %v", err)
		return
	}
	resp.Body.Close()
}
