package server

import (
	"bytes"
	"cmp"
	"context"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
	"golang.org/x/time/rate"

	"example.com/turnkey/middleware/host"
)

const (
	// maxQUIC is how many QUIC connections there may be. They take no file descriptor, so descriptors.go does not bound
	// their memory, about 95 KiB each. Clients beyond it are refused, and go on over TCP.
	maxQUIC = 2000

	// freshQUIC is how many clients a second may begin a handshake before they have proved that they receive packets at
	// their address. Above it, and while there is half of maxQUIC, each first gets a Retry packet (RFC 9000 §8.1.2).
	freshQUIC = 50

	// quicWindow is how much a client may send on a connection ahead of what is read. It is kept in memory, where a byte
	// can take 290: quic-go keeps each frame by itself until all bytes before it have arrived. While a body is read, the
	// window grows to maxQUICWindow, as over HTTP/2, if all windows together have grown by less than maxQUICGrowth.
	quicWindow    = 64 << 10
	maxQUICWindow = 1 << 20
	maxQUICGrowth = 8 << 20
)

// quicServer serves HTTP/3 (RFC 9114) on the UDP sockets of the HTTPS port, with the handler and the limits of TCP. It
// is all of HTTP/3 but for its setting and its sockets: a nil *quicServer does nothing.
//
// http3.Server has neither net/http's timeouts nor its bounds, so they are here.
type quicServer struct {
	server     *Server
	handler    http.Handler
	http3      http3.Server
	tls        *tls.Config
	transports []*quic.Transport
	fresh      *rate.Limiter
	conns      atomic.Int64
	growth     atomic.Int64 // see maxQUICGrowth
	down       atomic.Bool  // a socket has failed
	accepting  sync.WaitGroup
	accepts    context.Context // done when the drain begins
	endAccepts func()
	offer      []string // the value of Alt-Svc for clients that used the port of HTTPS_ADDR
	port       string
}

// newQUIC returns nil if HTTP3 is off and if no UDP socket is open. config is that of TCP: both have the same
// certificates and session ticket keys. next answers the requests.
func (s *Server) newQUIC(config *tls.Config, next http.Handler) *quicServer {
	port := &s.Ports.HTTPS
	if len(port.Packets) == 0 {
		return nil
	}
	if config.WrapSession == nil { // the copies of config would each have keys of their own
		config.WrapSession, config.UnwrapSession = config.EncryptTicket, config.DecryptTicket
	}
	q := &quicServer{server: s, fresh: rate.NewLimiter(freshQUIC, freshQUIC), port: strconv.Itoa(port.Number())}
	q.tls = http3.ConfigureTLSConfig(config)
	q.accepts, q.endAccepts = context.WithCancel(context.Background())
	q.offer = []string{offerOf(q.port)}
	q.handler = q.offered(s.countActive(measured(next)))
	q.http3 = http3.Server{Handler: http.HandlerFunc(q.answer), MaxHeaderBytes: maxHeaderBytes, Logger: s.Log,
		ConnContext: q.connContext}
	for _, conn := range port.Packets {
		q.transports = append(q.transports, &quic.Transport{Conn: conn,
			VerifySourceAddress: func(net.Addr) bool { return q.conns.Load() > maxQUIC/2 || !q.fresh.Allow() },
			ConnContext:         q.admit})
	}
	port.Packets = nil // closed by q, after the drain
	return q
}

// config is for connections as quic-go makes them.
func (q *quicServer) config() *quic.Config {
	return &quic.Config{
		Allow0RTT:                      false,         // 0-RTT can be replayed (RFC 9114 §10.9)
		HandshakeIdleTimeout:           headerTimeout, // since the last packet; it ends after twice this time
		MaxIdleTimeout:                 idleTimeout,
		MaxIncomingStreams:             maxStreams,
		MaxIncomingUniStreams:          10, // a client needs three (RFC 9114 §6.2)
		InitialStreamReceiveWindow:     maxQUICWindow,
		MaxStreamReceiveWindow:         maxQUICWindow,
		InitialConnectionReceiveWindow: quicWindow,
		MaxConnectionReceiveWindow:     maxQUICWindow,
		AllowConnectionWindowIncrease: func(conn *quic.Conn, delta uint64) bool {
			return q.mayGrow(conn.Context(), int64(delta))
		},
	}
}

// mayGrow reports whether a connection's window may grow by n. ctx ends with the connection.
func (q *quicServer) mayGrow(ctx context.Context, n int64) bool {
	if q.growth.Add(n) > maxQUICGrowth {
		q.growth.Add(-n)
		return false
	}
	context.AfterFunc(ctx, func() { q.growth.Add(-n) })
	return true
}

// resetKey derives the key with which a process tells clients of the one before it that their connections are gone (RFC
// 9000 §10.3), after a crash too. Otherwise they would wait 30 s for an answer. It is nil if there is no secret.
func (q *quicServer) resetKey() *quic.StatelessResetKey {
	secret := q.server.Source.Secret(q.accepts)
	if secret == nil {
		return nil
	}
	key, err := hkdf.Key(sha256.New, secret, nil, "QUIC stateless reset", len(quic.StatelessResetKey{}))
	if err != nil {
		return nil
	}
	return (*quic.StatelessResetKey)(key)
}

var errTooManyQUIC = errors.New("too many QUIC connections")

// admit is called when a client begins a handshake. ctx ends with the connection, and crypto/tls passes it to the
// callbacks of a handshake.
func (q *quicServer) admit(ctx context.Context, _ *quic.ClientInfo) (context.Context, error) {
	if q.conns.Add(1) > maxQUIC {
		q.conns.Add(-1)
		return nil, errTooManyQUIC
	}
	context.AfterFunc(ctx, func() { q.conns.Add(-1) })
	if q.server.keepsHandshakes {
		ctx = context.WithValue(ctx, handshakeKey{}, &handshakeConn{})
	}
	return ctx, nil
}

// quicConn bounds the requests on a connection, and closes it after idleTimeout without one. A request counts from the
// end of its header on: before that, http3 does not call the handler.
type quicConn struct {
	open     context.Context // done when the connection has ended
	requests chan struct{}   // has an element for each that is being answered
	idle     *time.Timer
}

func newQUICConn(open context.Context, close func()) *quicConn {
	c := &quicConn{open: open, requests: make(chan struct{}, maxStreams)}
	c.idle = time.AfterFunc(idleTimeout, func() {
		if len(c.requests) == 0 {
			close()
		}
	})
	context.AfterFunc(open, func() { c.idle.Stop() }) // it keeps the connection in memory
	return c
}

// begin waits until fewer than maxStreams requests are being answered. A client that resets one may send another at
// once, while the handler of the first goes on. begin returns false if the client resets this one.
func (c *quicConn) begin(request context.Context) bool {
	select {
	case c.requests <- struct{}{}:
		return true
	case <-request.Done():
		return false
	}
}

func (c *quicConn) end() {
	<-c.requests
	if c.open.Err() == nil {
		c.idle.Reset(idleTimeout)
	}
}

type quicConnKey struct{}

// connContext makes the context of all requests on a connection.
func (q *quicServer) connContext(ctx context.Context, conn *quic.Conn) context.Context {
	c := newQUICConn(conn.Context(), func() {
		conn.CloseWithError(quic.ApplicationErrorCode(http3.ErrCodeNoError), "idle")
	})
	ctx = context.WithValue(ctx, quicConnKey{}, c)
	return context.WithValue(ctx, http.ServerContextKey, quicTimeouts)
}

// quicTimeouts tells the access log which timeout cuts responses off.
var quicTimeouts = &http.Server{WriteTimeout: answerTimeout}

// answer is the handler of all requests: it makes one as net/http would, and hands it on.
func (q *quicServer) answer(w http.ResponseWriter, r *http.Request) {
	c := r.Context().Value(quicConnKey{}).(*quicConn)
	if !c.begin(r.Context()) {
		return
	}
	defer c.end()
	r.Proto = "HTTP/3.0" // http3 has what the client calls it in a CONNECT for WebSockets (RFC 9220)
	now, rc := time.Now(), http.NewResponseController(w)
	rc.SetReadDeadline(now.Add(bodyTimeout))
	rc.SetWriteDeadline(now.Add(answerTimeout))
	q.handler.ServeHTTP(quicWriter{w, r.Context()}, r)
}

// measured finds out whether a request has a body, which most requests of other methods than these have not. net/http
// sees that in the header's frame over HTTP/2. http3 leaves the length open, and a bodyless DELETE would be taken for an
// empty body.
func measured(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength < 0 && r.Method != http.MethodPost && r.Method != http.MethodPut && r.Method != http.MethodPatch {
			measure(r)
		}
		next.ServeHTTP(w, r)
	})
}

func measure(r *http.Request) {
	first := make([]byte, 1)
	n, err := io.ReadFull(r.Body, first)
	switch {
	case err == io.EOF:
		r.Body, r.ContentLength = http.NoBody, 0
	case n == 1:
		r.Body = struct {
			io.Reader
			io.Closer
		}{io.MultiReader(bytes.NewReader(first), r.Body), r.Body}
	}
}

// quicWriter leaves out what only HTTP/1.1 has. With it a client would refuse the response (RFC 9114 §4.2). CloseNotify
// is what c.Stream of gin calls.
type quicWriter struct {
	http.ResponseWriter
	ctx context.Context // of the request
}

func (w quicWriter) WriteHeader(status int) {
	for _, name := range []string{"Connection", "Keep-Alive", "Proxy-Connection", "Transfer-Encoding", "Upgrade"} {
		delete(w.Header(), name)
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w quicWriter) CloseNotify() <-chan bool {
	gone := make(chan bool, 1)
	context.AfterFunc(w.ctx, func() { gone <- true })
	return gone
}

func (w quicWriter) Flush()                      { w.ResponseWriter.(http.Flusher).Flush() }
func (w quicWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// offered tells clients of HTTP/3 in each response until the drain begins (RFC 7838). The port is the one that the
// client has used for HTTPS: a mapping of ports is taken to be the same for UDP.
func (q *quicServer) offered(next http.Handler) http.Handler {
	if q == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.TLS != nil && !q.server.draining.Load() && !q.down.Load() {
			offer := q.offer
			if _, port := host.Split(r.Host); cmp.Or(port, "443") != q.port {
				offer = []string{offerOf(cmp.Or(port, "443"))}
			}
			w.Header()["Alt-Svc"] = offer
		}
		next.ServeHTTP(w, r)
	})
}

func offerOf(port string) string { return `h3=":` + port + `"; ma=3600` }

// serve begins to accept connections, once there is a certificate. If a socket fails, HTTP/3 is no longer offered, and
// the site goes on over TCP.
func (q *quicServer) serve() {
	if q == nil {
		return
	}
	q.accepting.Go(func() {
		// Before that no handshake could end well, and there is no key for resets.
		if poll(q.accepts, 20*time.Millisecond, q.server.hasCertificate); q.accepts.Err() != nil {
			return
		}
		key := q.resetKey()
		for _, t := range q.transports {
			t.StatelessResetKey = key
			q.accepting.Go(func() { q.accept(t) })
		}
	})
}

// accept accepts connections on one socket until the drain.
func (q *quicServer) accept(t *quic.Transport) {
	ln, err := t.Listen(q.tls, q.config())
	if err == nil {
		context.AfterFunc(q.accepts, func() { ln.Close() })
		err = q.http3.ServeListener(ln)
	}
	if !q.server.draining.Load() {
		q.down.Store(true)
		q.server.Log.Error("HTTP/3 is no longer offered: a UDP socket failed; the site is served over TCP alone", "error", err)
	}
}

// drain refuses new connections, so that their clients go to TCP at once, tells clients to send no further request on
// the open ones (GOAWAY), and closes these when no request is open, on any port, or when ctx is done.
func (q *quicServer) drain(ctx context.Context) {
	if q == nil {
		return
	}
	q.endAccepts()
	q.accepting.Wait() // http3.Server counts on it that no connection is added once Shutdown is called
	refuse := &quic.Config{GetConfigForClient: func(*quic.ClientInfo) (*quic.Config, error) {
		return nil, http.ErrServerClosed
	}}
	for _, t := range q.transports {
		t.Listen(q.tls, refuse) // a client that is not answered at all would wait for seconds
	}
	quiet, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		poll(ctx, 10*time.Millisecond, func() bool { return q.server.active.Load() == 0 })
		time.Sleep(settleTime)
		cancel()
	}()
	ended := make(chan struct{})
	go func() { q.http3.Shutdown(quiet); close(ended) }()
	select {
	case <-ended:
	case <-ctx.Done(): // a handler may not return
	}
}

// close closes the sockets.
func (q *quicServer) close() {
	if q == nil {
		return
	}
	for _, t := range q.transports {
		t.Close()
		t.Conn.Close()
	}
}
