// Package server puts a site behind the open ports, and keeps it there until it is told to stop.
package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"example.com/turnkey/app/internal/admin"
	"example.com/turnkey/app/internal/dev"
	"example.com/turnkey/app/internal/logs"
	"example.com/turnkey/app/internal/ports"
	"example.com/turnkey/app/kit"
	"example.com/turnkey/app/settings"
	"example.com/turnkey/middleware/host"
	"example.com/turnkey/tlsconfig"
)

const (
	headerTimeout  = 5 * time.Second  // to send a request's header, or to shake hands
	bodyTimeout    = 30 * time.Second // to send a request, and to be sent the response; kit.Stream lifts it
	idleTimeout    = 120 * time.Second
	maxHeaderBytes = 64 << 10

	// maxStreams is how many requests may be open at once on an HTTP/2 connection. net/http allows 250. A client that does not
	// read responses makes each request keep its handler and its buffers. RFC 9113 §6.5.2 recommends no fewer than 100, and
	// browsers with more requests wait for a free stream.
	maxStreams = 100

	// backgroundGrace is enough for the last moment of an order and a slow store.
	backgroundGrace = 10 * time.Second
)

// Options are what a server is made of. All fields are required but Names and Dev.
type Options struct {
	Settings settings.Settings
	Site     kit.Site
	Ports    *ports.Set // open
	Source   tlsconfig.Source
	Hosts    []string        // answered for; empty: every host
	Names    func() []string // hosts as they are now, where these can change; nil: they cannot
	Dev      *dev.Link       // nil: `make dev` did not start this process
	Log      *slog.Logger
}

// Server is the open ports and what answers on them. It implements kit.Server.
type Server struct {
	Options
	hosts      *host.Set
	handshakes *logs.Handshakes
	conns      conns
	room       *descriptors
	served     []served
	handler    http.Handler

	keepsHandshakes bool // a handler asked for them
	draining        atomic.Bool
	stopping        chan struct{} // closed before open requests are waited for
	active          atomic.Int64  // requests being answered
	accepting       sync.WaitGroup
}

// served is a port with its server.
type served struct {
	port *ports.Port
	*http.Server
}

// New puts the site behind the ports. Nothing is accepted before Run.
func New(o Options) (*Server, error) {
	s := &Server{Options: o, hosts: host.NewSet(o.Hosts), stopping: make(chan struct{})}
	s.handshakes = logs.NewHandshakes(o.Log, o.Settings.Mode == tlsconfig.Local, ports.ErrPlainAnswered)
	s.room = newDescriptors(o.Log, &s.conns)
	engine, err := s.newEngine()
	if err != nil {
		return nil, err
	}
	// Challenges are answered on both ports: a CDN in front may have turned the CA's plain request into HTTPS.
	s.handler = s.countActive(o.Source.HTTPHandler(engine))
	for _, port := range o.Ports.All() {
		if len(port.Listeners) == 0 {
			continue
		}
		switch port {
		case &o.Ports.HTTPS:
			srv := s.newServer(s.handler)
			srv.TLSConfig = o.Source.TLSConfig()
			if s.keepsHandshakes {
				srv.TLSConfig = keepHandshakes(srv.TLSConfig)
			}
			s.served = append(s.served, served{port, srv})
		case &o.Ports.HTTP:
			s.served = append(s.served, served{port, s.newServer(s.handler)})
		case &o.Ports.Admin:
			s.served = append(s.served, served{port, s.newAdmin(port)})
		}
	}
	return s, nil
}

func (s *Server) newServer(h http.Handler) *http.Server {
	srv := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       bodyTimeout,
		WriteTimeout:      bodyTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          log.New(s.handshakes, "", 0),
		HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: maxStreams},
		// net/http would answer OPTIONS * by itself, for any host.
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

// ServeHTTP answers a request as on a port: challenges, the chain, the site's routes.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// countActive counts open requests for the drain. Once the drain has begun, each response asks the client to use another
// connection. On HTTP/2 net/http does that by GOAWAY, which loses no request.
func (s *Server) countActive(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.active.Add(1)
		defer s.active.Add(-1)
		if s.draining.Load() {
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
	if status := s.Source.Status(); len(status) > 0 && !status[0].Usable(time.Now()) {
		return fmt.Errorf("no valid certificate for %s: %s", status[0].Names[0], cmp.Or(status[0].Error, status[0].Next))
	}
	return nil
}

// Stopping implements kit.Server.
func (s *Server) Stopping() <-chan struct{} { return s.stopping }

// TLSMode implements kit.Server.
func (s *Server) TLSMode() string { return string(s.Settings.Mode) }

// Handshakes implements kit.Server.
func (s *Server) Handshakes() func(*http.Request) *kit.Handshake {
	s.keepsHandshakes = true
	return handshakeOf
}

// Run serves until ctx is done or a listener fails, then drains. At each reload it reads certificates and names again.
func (s *Server) Run(ctx context.Context, reload <-chan os.Signal) error {
	failed := make(chan error, 1) // the first error counts
	fail := func(err error) {
		select {
		case failed <- err:
		default:
		}
	}
	s.accept(fail)
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	var tasks sync.WaitGroup
	tasks.Go(func() { s.handshakes.Run(background, s.room.report) })
	tasks.Go(func() { s.followNames(background) })
	tasks.Go(func() {
		if err := s.Source.Run(background); err != nil {
			fail(fmt.Errorf("keeping certificates: %w", err))
		}
	})
	cause := s.wait(ctx, reload, failed)
	err := s.drain(errors.Is(context.Cause(ctx), dev.ErrReplaced))
	stop()
	s.waitFor(&tasks)
	return errors.Join(cause, err)
}

// wait returns when ctx is done, or with the first error.
func (s *Server) wait(ctx context.Context, reload <-chan os.Signal, failed <-chan error) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-failed:
			return err
		case <-reload:
			s.Log.Info("SIGHUP: certificates are looked at again")
			s.updateNames()
			s.Source.Reload()
		}
	}
}

// waitFor waits for the background tasks, but not for a disk that hangs.
func (s *Server) waitFor(tasks *sync.WaitGroup) {
	ended := make(chan struct{})
	go func() { tasks.Wait(); close(ended) }()
	select {
	case <-ended:
	case <-time.After(backgroundGrace):
		s.Log.Warn("stopping without waiting any longer for certificates to be put away")
	}
}

// accept starts to accept connections on every listener. fail is called for one that fails before the drain.
func (s *Server) accept(fail func(error)) {
	for _, srv := range s.served {
		for _, ln := range srv.port.Listeners {
			s.accepting.Go(func() {
				if err := s.serve(srv, ln); !s.draining.Load() {
					fail(fmt.Errorf("listening on %s: %w", ln.Addr(), err))
				}
			})
		}
	}
}

func (s *Server) serve(srv served, ln net.Listener) error {
	ln = ports.ProxyHeaders(s.room.listener(ln), func(conn net.Conn, version string) {
		s.handshakes.ProxyHeader(conn, srv.port.Setting, version)
	})
	if srv.port != &s.Ports.HTTPS {
		return srv.Serve(ln)
	}
	if !s.Settings.Prod {
		ln = ports.PlainOnTLS(ln, s.hosts)
	}
	if s.keepsHandshakes {
		ln = handshakeListener{ln}
	}
	return srv.ServeTLS(ln, "", "")
}
