//go:build unix

package command_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
)

// Restarts on passed sockets lose no request over TCP, and on ports of its own a process loses at most a connection that
// is made at the very moment of its end. Visitors over QUIC are answered within a second of the new process's start. A
// process that is killed closes no connection: the next one resets them for it, with the same key.
func TestVisitorsOverQUICAreBackAfterARestart(t *testing.T) {
	t.Parallel()
	for _, way := range []string{"passed sockets", "ports of its own", "killed"} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			addr := freeForBoth(t)
			https, err := net.Listen("tcp", addr)
			if err != nil {
				t.Fatal(err)
			}
			defer https.Close()
			env := map[string]string{"HTTP3": "on", "HTTPS_ADDR": addr, "HTTP_ADDR": "off", "SHUTDOWN_GRACE": "2s"}
			var p *passed
			if way == "ports of its own" {
				https.Close()
				p = startPassed(t, env)
			} else {
				udp, err := net.ListenPacket("udp", addr)
				if err != nil {
					t.Fatal(err)
				}
				defer udp.Close()
				env["LISTEN_FDNAMES"] = "https:https"
				p = startPassed(t, env, https, datagrams{udp.(*net.UDPConn)})
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			v := &quicVisitor{p: p, addr: addr, url: "https://" + addr + "/"}
			var visitors sync.WaitGroup
			visitors.Go(func() { v.overQUIC(ctx) })
			for range 2 {
				visitors.Go(func() { v.overTCP(ctx, t, way) })
			}
			var waits []time.Duration
			for range 20 {
				eventually(t, "an answer over QUIC", func() bool { return v.connected.Load() })
				time.Sleep(100 * time.Millisecond) // under load
				if v.connected.Store(false); way == "killed" {
					p.cmd.Process.Kill()
					<-p.exited
				} else {
					p.stop(t)
				}
				p = p.again(t)
				begin := time.Now()
				v.connected.Store(false)
				eventually(t, "an answer over QUIC", func() bool { return v.connected.Load() })
				waits = append(waits, time.Since(begin))
			}
			// The machine may be busy once. Clients that nothing resets would wait for 30 s.
			if slices.Sort(waits); waits[len(waits)/2] > time.Second || waits[len(waits)-1] > 5*time.Second {
				t.Errorf("visitors over QUIC are answered after %s", waits)
			}
			cancel()
			visitors.Wait()
			t.Logf("%d answers over QUIC, %d over TCP; %d errors over QUIC, %d connections reset", v.h3.Load(), v.tcp.Load(),
				v.broken.Load(), v.reset.Load())
			if v.reset.Load() > 3 {
				t.Errorf("%d connections over TCP are reset in 20 restarts", v.reset.Load())
			}
			if v.tcp.Load() < 20 || v.h3.Load() < 20 {
				t.Error("these are too few to tell")
			}
			p.stop(t)
		})
	}
}

// Helpers

// datagrams is a UDP socket that is passed among listeners.
type datagrams struct{ *net.UDPConn }

func (d datagrams) Accept() (net.Conn, error) { return nil, net.ErrClosed }
func (d datagrams) Addr() net.Addr            { return d.LocalAddr() }

// quicVisitor requests a page again and again.
type quicVisitor struct {
	p               *passed
	addr, url       string
	connected       atomic.Bool // an answer came over QUIC
	h3, tcp, broken atomic.Int64
	reset           atomic.Int64 // connections over TCP that the system had made for a process, which ended before it had them
}

func (v *quicVisitor) roots() *tls.Config {
	return v.p.visitor().Transport.(*http.Transport).TLSClientConfig
}

// overQUIC keeps its connection while that is answered. http3 dials anew once it is broken. It gives up a request after
// 300 ms: one that a killed process has acknowledged and not answered is not sent again, so nothing would tell the client.
func (v *quicVisitor) overQUIC(ctx context.Context) {
	transport := &http3.Transport{TLSClientConfig: v.roots(), QUICConfig: &quic.Config{HandshakeIdleTimeout: time.Second}}
	defer transport.Close()
	for ctx.Err() == nil {
		inTime, cancel := context.WithTimeout(ctx, 300*time.Millisecond)
		req, _ := http.NewRequestWithContext(inTime, "GET", v.url, nil)
		req.Host = "shop.test"
		resp, err := transport.RoundTrip(req)
		if err == nil {
			_, err = io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
		}
		cancel()
		if err != nil || resp.StatusCode != 200 {
			v.broken.Add(1)
			time.Sleep(20 * time.Millisecond)
			continue
		}
		v.h3.Add(1)
		v.connected.Store(true)
		time.Sleep(2 * time.Millisecond)
	}
}

// overTCP takes any error for a lost request, but a refused connection while no process listens, and an answer that a
// killed process did not finish. Where the port is the process's own, the system resets a connection that it makes
// between the last accept and the end of the listener: see ports.Emptying.
func (v *quicVisitor) overTCP(ctx context.Context, t *testing.T, way string) {
	visitor := v.p.visitor()
	for ctx.Err() == nil {
		req, _ := http.NewRequest("GET", v.url, nil)
		req.Host = "shop.test"
		resp, err := visitor.Do(req)
		if err == nil {
			_, err = io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
		}
		switch {
		case err == nil && resp.StatusCode == 200:
			v.tcp.Add(1)
		case way == "ports of its own" && errors.Is(err, syscall.ECONNREFUSED), way == "killed":
		case way == "ports of its own" && errors.Is(err, syscall.ECONNRESET):
			v.reset.Add(1)
		default:
			t.Error(fmt.Errorf("over TCP: %w", err))
		}
		time.Sleep(2 * time.Millisecond)
	}
}
