package server

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"runtime/debug"
	"sync"
	"time"

	"example.com/turnkey/app/internal/ports"
)

// maxOpening is how many connections may be opening at once on all ports, which bounds their memory (see maxHandshake).
// Most take 12 KiB and a fraction of a second.
const maxOpening = 4096

// opening is a listener whose Accept returns connections on which a request can be read. Until then each is in a
// goroutine of its own, for at most headerTimeout. So a slow client delays no other, and the deep stack of a handshake
// ends with that goroutine: net/http's own lives as long as the connection.
type opening struct {
	net.Listener // of *ports.Conn
	server       *Server
	tls          *tls.Config // nil: plain http

	begin sync.Once
	opens sync.WaitGroup
	ready chan net.Conn
	err   error // of the last Accept of Listener; set before ready is closed
}

// Accept waits for a connection that is ready. After Listener is closed, it still returns the connections that are
// opening, and then an error.
func (o *opening) Accept() (net.Conn, error) {
	o.begin.Do(func() {
		o.ready = make(chan net.Conn)
		go o.acceptAll()
	})
	if nc, ok := <-o.ready; ok {
		return nc, nil
	}
	return nil, o.err
}

func (o *opening) acceptAll() {
	defer close(o.ready)
	defer o.opens.Wait()
	for {
		nc, err := o.Listener.Accept()
		if err != nil {
			o.err = err
			return
		}
		o.server.conns.makeRoomToOpen()
		o.server.conns.add(nc, true)
		o.opens.Go(func() {
			conn, err := o.open(nc.(*ports.Conn))
			if err != nil {
				o.failed(nc, err)
				nc.Close()
				o.server.conns.remove(nc)
				return
			}
			o.ready <- conn
		})
	}
}

// failed reports why no request can be read on a connection.
func (o *opening) failed(nc net.Conn, err error) {
	switch {
	case errors.Is(err, ports.ErrHeader):
		o.server.handshakes.NoProxyHeader(nc, err)
	case o.tls != nil:
		o.server.handshakes.Failed(err)
	}
}

// open prepares a connection for net/http: it reads the PROXY header of a balancer, and on a TLS port it finishes the
// handshake. To a client that speaks plain HTTP there net/http answers as it does on HTTP_ADDR. No TLS record begins
// with a letter (RFC 8446 §5.1), and every HTTP method does.
func (o *opening) open(c *ports.Conn) (conn net.Conn, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic: %v", v)
			o.server.Log.Error("a handshake panicked", "panic", fmt.Sprint(v), "stack", string(debug.Stack()))
		}
	}()
	c.SetDeadline(time.Now().Add(headerTimeout))
	defer func() {
		if err == nil {
			err = c.SetDeadline(time.Time{})
		}
	}()
	if err := c.ReadHeader(); err != nil || o.tls == nil {
		return c, err
	}
	first, err := c.First()
	if err != nil || first >= 'A' && first <= 'Z' {
		return c, err
	}
	if conn = c; o.server.keepsHandshakes {
		conn = &handshakeConn{Conn: c}
	}
	t := tls.Server(conn, o.tls)
	c.Limit(maxHandshake)
	if o.tls.ClientAuth != tls.NoClientCert {
		c.Limit(maxCertHandshake)
	}
	err = t.HandshakeContext(context.Background())
	c.Limit(0)
	return t, err
}

// makeRoomToOpen returns once fewer than maxOpening connections are opening. It closes those that have been opening
// longest, and waits while none has had minIdle for it. Meanwhile new clients wait in the system's queue.
func (c *conns) makeRoomToOpen() {
	for c.opening.Load() >= maxOpening {
		_, wait := c.closeLongest(now(), func(cn *conn) bool { return cn.opening.Load() })
		time.Sleep(min(cmp.Or(wait, time.Millisecond), acceptPause))
	}
}

func (c *conns) closeOpening() {
	c.byConn.Range(func(nc, cn any) bool {
		if cn.(*conn).opening.Load() {
			nc.(net.Conn).Close()
		}
		return true
	})
}
