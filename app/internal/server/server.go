// Package server serves a site on open ports until it is told to stop: the middleware chain, the site's pages and
// routes, and the timeouts and limits around them.
//
// It promises that a stop loses no request of an accepted connection within SHUTDOWN_GRACE (drain.go), and that silent
// clients do not keep others out (opening.go, conns.go, descriptors.go).
//
// It reads no environment, opens no port and makes no certificate. app/internal/command hands it settings, ports and a
// source of certificates, and it must not import that package. It knows the site only as a kit.Site.
package server

import (
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"example.com/turnkey/app/internal/admin"
	"example.com/turnkey/app/internal/dev"
	"example.com/turnkey/app/internal/logs"
	"example.com/turnkey/app/internal/pages"
	"example.com/turnkey/app/internal/ports"
	"example.com/turnkey/app/kit"
	"example.com/turnkey/app/settings"
	"example.com/turnkey/middleware/host"
	"example.com/turnkey/tlsconfig"
)

const (
	headerTimeout  = 5 * time.Second  // for a client to send a request's header, and for a handshake
	bodyTimeout    = 25 * time.Second // to read a request; kit.Stream lifts it
	answerTimeout  = 30 * time.Second // to read a request and to write its response; kit.Stream lifts it
	idleTimeout    = 120 * time.Second
	maxHeaderBytes = 64 << 10

	// maxStreams is how many requests may be open at once on an HTTP/2 connection. net/http allows 250. A client that
	// does not read responses makes each request keep its handler and its buffers. RFC 9113 §6.5.2 recommends no fewer
	// than 100, and browsers with more requests wait for a free stream.
	maxStreams = 100

	// backgroundGrace is how long the background tasks have to end: enough for the last step of an order, and for a
	// slow store.
	backgroundGrace = 10 * time.Second
)

// Options are the parts of a server. All fields are required except Names and Dev.
type Options struct {
	settings.Settings // implements kit.Program

	Site   kit.Site
	Ports  *ports.Set // open
	Source tlsconfig.Source
	Turns  *tlsconfig.Turns // of repeated jobs
	Hosts  []string         // host names to answer for; empty: every host
	Names  func() []string  // the same as they are now; nil: they do not change
	Dev    *dev.Link        // nil: `make dev` did not start this process
	Log    *slog.Logger
}

// Server serves a site on open ports. It implements kit.Server. Call Run once.
type Server struct {
	Options
	hosts       *host.Set
	handshakes  *logs.Handshakes
	conns       conns
	descriptors *descriptors
	served      []served
	quic        *quicServer // nil: no HTTP/3
	handler     http.Handler
	pages       *pages.Pages
	frontends   map[string]*dev.Frontend // that scripts/dev runs; not changed after New

	wantsHandshakes atomic.Bool // set by Handshakes, which handlers may call at any time
	keepsHandshakes bool        // the site asked for them in Routes; not changed after New
	draining        atomic.Bool
	stopping        chan struct{} // closed before the drain waits for open requests
	active          atomic.Int64  // requests being answered
	accepting       sync.WaitGroup
	life            *life
	repeated        sync.Map // name of a repeated job → true
}

// served is a port with its server.
type served struct {
	port *ports.Port
	*http.Server

	// tls is the one configuration of all the port's listeners, so that they share session ticket keys; nil: no TLS.
	// It is not in http.Server, whose ServeTLS serves a clone for each listener.
	tls *tls.Config
}

// New prepares the server: it parses templates and registers the routes. No connection is accepted before Run. What the
// owner can fix is returned as a settings.Faults. On an error New has closed what Routes had opened.
func New(o Options) (*Server, error) {
	switch {
	case o.Site.Routes == nil:
		return nil, errors.New("the site has no routes: set Routes in handlers/site.go")
	case o.Site.Files == nil:
		return nil, errors.New("the site has no templates and static files: set Files in handlers/site.go")
	}
	s := &Server{Options: o, hosts: host.NewSet(o.Hosts), stopping: make(chan struct{}), life: newLife(o.Log)}
	s.handshakes = logs.NewHandshakes(o.Log, o.Settings.Mode == tlsconfig.Local)
	s.descriptors = newDescriptors(o.Log, &s.conns)
	engine, err := s.newEngine()
	if err != nil {
		s.life.close(time.Now().Add(closeTime))
		return nil, err
	}
	s.keepsHandshakes = s.wantsHandshakes.Load()
	// ACME challenges are answered on both ports: a CDN in front may turn the CA's plain request into HTTPS.
	answers := o.Source.HTTPHandler(engine)
	s.handler = s.countActive(answers)
	for _, port := range o.Ports.All() {
		if len(port.Listeners) == 0 {
			continue
		}
		if o.Settings.Prod && !port.Inherited && o.Dev == nil { // the next process gets the queue of other sockets
			for i, ln := range port.Listeners {
				port.Listeners[i] = ports.Emptying(ln)
			}
		}
		switch port {
		case &o.Ports.HTTPS:
			config := watchHandshakes(o.Source.TLSConfig())
			s.quic = s.newQUIC(config, answers)
			s.served = append(s.served, served{port, s.newServer(s.quic.offered(s.handler)), config})
		case &o.Ports.HTTP:
			s.served = append(s.served, served{port, s.newServer(s.handler), nil})
		case &o.Ports.Admin:
			s.served = append(s.served, served{port, s.newAdmin(port), nil})
		}
	}
	return s, nil
}

func (s *Server) newServer(h http.Handler) *http.Server {
	srv := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       bodyTimeout,
		WriteTimeout:      answerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          log.New(s.handshakes, "", 0),
		HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: maxStreams},
		// net/http would answer OPTIONS * before the chain, for any host.
		DisableGeneralOptionsHandler: true,
	}
	if s.keepsHandshakes {
		srv.ConnContext = withHandshake
	}
	s.conns.track(srv)
	return srv
}

func (s *Server) newAdmin(port *ports.Port) *http.Server {
	var addresses []string
	for _, ln := range port.Listeners {
		if host, _, err := net.SplitHostPort(ln.Addr().String()); err == nil {
			addresses = append(addresses, host)
		}
	}
	srv := s.newServer(admin.Handler(s.Source, addresses))
	srv.WriteTimeout = 0 // a profile takes as long as the operator asked for
	return srv
}

// ServeHTTP answers a request as the ports do: ACME challenges, the chain, the site's routes.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// countActive counts open requests for the drain. Once the drain has begun, each response asks the client to use
// another connection. On HTTP/2 net/http turns that into GOAWAY, which loses no request.
func (s *Server) countActive(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor >= 2 {
			growStack(-1)
		}
		s.active.Add(1)
		defer s.active.Add(-1)
		if s.draining.Load() && r.ProtoMajor < 3 {
			w.Header().Set("Connection", "close")
		}
		next.ServeHTTP(w, r)
	})
}

// Ready implements kit.Server.
func (s *Server) Ready() error {
	if s.draining.Load() {
		return errors.New("stopping")
	}
	status := s.Source.Status()
	switch {
	case len(status) == 0:
	case status[0].Blocked:
		return errors.New(status[0].Error)
	case !s.hasCertificate():
		return fmt.Errorf("no valid certificate for %s: %s", status[0].Names[0], cmp.Or(status[0].Error, status[0].Next))
	}
	return nil
}

// hasCertificate reports whether the main host's certificate is there, or none is needed.
func (s *Server) hasCertificate() bool {
	status := s.Source.Status()
	return len(status) == 0 || status[0].Ready || status[0].Usable(time.Now())
}

// Stopping implements kit.Server.
func (s *Server) Stopping() <-chan struct{} { return s.stopping }

// TLSMode implements kit.Server.
func (s *Server) TLSMode() string { return string(s.Settings.Mode) }

// Handshakes implements kit.Server.
func (s *Server) Handshakes() func(*http.Request) *kit.Handshake {
	s.wantsHandshakes.Store(true)
	return handshakeOf
}

// growStack(-1) grows the stack of its goroutine once, to what the chain and net/http below it need. Each request of an
// HTTP/2 connection has a new goroutine. The runtime would else double its small stack, and copy it, two or three times
// on the way down. It makes place for the frame when the function is called, so nothing has to be written.
//
//go:noinline
func growStack(i int) byte {
	if i < 0 {
		return 0
	}
	var frame [10 << 10]byte
	return frame[i]
}
