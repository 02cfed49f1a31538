package command

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log"
	"log/slog"
	"net"
	"net/http"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gin-gonic/gin"

	"example.com/turnkey/app/kit"
	"example.com/turnkey/middleware"
	"example.com/turnkey/tlsconfig"
)

const (
	headerTimeout  = 5 * time.Second  // to send a request's header, or to shake hands
	bodyTimeout    = 30 * time.Second // to send a request, and to be sent the answer; kit.Stream lifts it
	idleTimeout    = 120 * time.Second
	maxHeaderBytes = 64 << 10

	// maxStreams is how many requests may be open at once on an HTTP/2 connection. net/http allows 250. A client that does not
	// read responses makes each request keep its handler and its buffers. RFC 9113 §6.5.2 recommends no fewer than 100, and
	// browsers with more requests wait for a free stream.
	maxStreams = 100
)

// ports are those really opened, which port 0 leaves to the system.
type ports struct{ https, http int }

// server is the open listeners and what answers on them.
type server struct {
	cfg       config
	log       *slog.Logger
	source    tlsconfig.Source
	hosts     *middleware.HostSet
	listeners listeners
	noise     *noise
	draining  atomic.Bool
	stopping  chan struct{} // closed before open requests are waited for
	active    atomic.Int64  // requests being answered
	conns     conns
	room      *descriptors
	accepting sync.WaitGroup
	servers   []*http.Server

	keepsHandshakes bool // a handler asked for them
}

// serve runs the site until ctx is done, or reports every reason why it cannot.
func serve(ctx context.Context, cfg config, faults []fault, p program) (err error) {
	defer func() { cfg.dev.failed(err) }()
	out := newLogWriter(p.stdout)
	defer out.Close()
	logger := newLogger(cfg, out)
	slog.SetDefault(logger)
	banner := newBanner(cfg, p.stdout)
	s, err := open(cfg, faults, p, logger, banner)
	if err != nil {
		return err
	}
	cfg.dev.announce(banner, s)
	return s.run(ctx, p.reload)
}

// open has everything ready to serve: settings without fault, ports, certificates, routes.
func open(cfg config, faults []fault, p program, logger *slog.Logger, banner *banner) (*server, error) {
	options := cfg.tlsOptions(logger, banner.say)
	options.Alarm, options.Notify = alarm(logger, p.stderr), p.site.OnCertificate
	faults = andThen(faults, tlsconfig.Check(options))
	lns, moved, listenFaults := listenAll(cfg)
	if faults = append(faults, listenFaults...); len(faults) > 0 {
		lns.close()
		return nil, faultList(faults)
	}
	for _, w := range slices.Concat(cfg.warnings, moved) {
		logger.Warn(w)
	}
	source, err := tlsconfig.New(options)
	if err != nil {
		lns.close()
		return nil, err
	}
	s := &server{cfg: cfg, log: logger, source: source, hosts: middleware.NewHostSet(cfg.hosts), listeners: lns, noise: newNoise(logger, cfg.mode == tlsconfig.Local)}
	s.stopping = make(chan struct{})
	s.room = newDescriptors(logger, &s.conns)
	cfg.dev.stopWith(s.stopping)
	if err := s.build(p.site); err != nil {
		lns.close()
		return nil, err
	}
	return s, nil
}

// build puts handlers behind the listeners.
func (s *server) build(site kit.Site) error {
	files, live := s.siteFiles(site.Files)
	router, err := newRouter(s.cfg, s.hosts, files, live, s.ports(), func(r *gin.Engine) error { return site.Routes(r, s) }, s.log)
	if err != nil {
		return err
	}
	// Challenges are answered on both ports: a CDN in front may have turned the CA's plain request into HTTPS.
	handler := s.counted(s.source.HTTPHandler(router))
	if len(s.listeners.https) > 0 {
		srv := s.newServer(handler)
		srv.TLSConfig = s.source.TLSConfig()
		if s.keepsHandshakes {
			srv.TLSConfig = remember(srv.TLSConfig)
		}
		s.servers = append(s.servers, srv)
	}
	if len(s.listeners.http) > 0 {
		s.servers = append(s.servers, s.newServer(handler))
	}
	if len(s.listeners.admin) > 0 {
		s.servers = append(s.servers, s.newAdmin())
	}
	return nil
}

// siteFiles are those of the folder web here in development, to be read at each request (live). In production, and where
// there is no such folder, they are those built into the binary.
func (s *server) siteFiles(built fs.FS) (files fs.FS, live bool) {
	if s.cfg.prod {
		return built, false
	}
	disk := os.DirFS("web")
	if info, err := fs.Stat(disk, "templates"); err == nil && info.IsDir() {
		return disk, true
	}
	s.log.Info("there is no folder web here: pages come from the binary, and edits do not show")
	return built, false
}

// Stopping implements kit.Server.
func (s *server) Stopping() <-chan struct{} { return s.stopping }

// TLSMode implements kit.Server.
func (s *server) TLSMode() string { return string(s.cfg.mode) }

// Handshakes implements kit.Server.
func (s *server) Handshakes() func(*http.Request) *kit.Handshake {
	s.keepsHandshakes = true
	return handshakeOf
}

func (s *server) newServer(h http.Handler) *http.Server {
	srv := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       bodyTimeout,
		WriteTimeout:      bodyTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          log.New(s.noise, "", 0),
		HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: maxStreams},
		// net/http would answer OPTIONS * by itself, for any host.
		DisableGeneralOptionsHandler: true,
	}
	if s.keepsHandshakes {
		srv.ConnContext = withHandshake
	}
	s.conns.watch(srv)
	return srv
}

// counted keeps count of open requests, for the drain. Once that has begun, each answer asks for another connection;
// net/http says so on HTTP/2 by GOAWAY, which loses no request.
func (s *server) counted(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.active.Add(1)
		defer s.active.Add(-1)
		if s.draining.Load() {
			w.Header().Set("Connection", "close")
		}
		next.ServeHTTP(w, r)
	})
}

// run serves until ctx is done or a listener fails, then drains. Whoever ends first ends the others.
func (s *server) run(ctx context.Context, reload <-chan os.Signal) error {
	failed := make(chan error, 1+len(s.listeners.https)+len(s.listeners.http)+len(s.listeners.admin))
	s.accept(failed)
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	var wg sync.WaitGroup
	wg.Go(func() { s.noise.run(background, s.room.report) })
	wg.Go(func() { s.followNames(background) })
	wg.Go(func() {
		if err := s.source.Run(background); err != nil {
			failed <- fmt.Errorf("keeping certificates: %w", err)
		}
	})

	var cause error
wait:
	for {
		select {
		case <-ctx.Done():
			break wait
		case cause = <-failed:
			break wait
		case <-reload:
			s.log.Info("SIGHUP: certificates are looked at again")
			s.lookAtNames()
			s.source.Reload()
		}
	}
	err := s.drain(errors.Is(context.Cause(ctx), errReplaced))
	stop()
	ended := make(chan struct{})
	go func() { wg.Wait(); close(ended) }()
	select {
	case <-ended:
	case <-time.After(backgroundGrace): // a disk that hangs
		s.log.Warn("stopping without waiting any longer for certificates to be put away")
	}
	return errors.Join(cause, err)
}

// accept starts to accept connections on every listener, and sends the error of one that fails before the drain to failed.
func (s *server) accept(failed chan<- error) {
	i := 0
	for kind, group := range [][]net.Listener{s.listeners.https, s.listeners.http, s.listeners.admin} {
		if len(group) == 0 {
			continue
		}
		srv, setting := s.servers[i], [...]string{"HTTPS_ADDR", "HTTP_ADDR", "ADMIN_ADDR"}[kind]
		serve := func(ln net.Listener) error { return srv.Serve(s.noticingProxies(ln, setting)) }
		if srv.TLSConfig != nil {
			serve = func(ln net.Listener) error {
				ln = s.noticingProxies(ln, setting)
				if !s.cfg.prod {
					ln = plainOnTLS{ln, s.hosts}
				}
				if s.keepsHandshakes {
					ln = remembering{ln}
				}
				return srv.ServeTLS(ln, "", "")
			}
		}
		i++
		for _, ln := range group {
			ln = s.room.listener(ln)
			s.accepting.Go(func() {
				if err := serve(ln); !s.draining.Load() {
					failed <- fmt.Errorf("listening on %s: %w", ln.Addr(), err)
				}
			})
		}
	}
}

// backgroundGrace is enough for an order's last moment and a slow store.
const backgroundGrace = 10 * time.Second

// Ready implements kit.Server.
func (s *server) Ready() error {
	if s.draining.Load() {
		return errors.New("stopping")
	}
	if status := s.source.Status(); len(status) > 0 && !status[0].Usable(time.Now()) {
		return fmt.Errorf("no valid certificate for %s: %s", status[0].Names[0], cmp.Or(status[0].Error, status[0].Next))
	}
	return nil
}

func (s *server) ports() ports {
	var p ports
	if l := s.listeners.https; len(l) > 0 {
		p.https = portOf(l[0])
	}
	if l := s.listeners.http; len(l) > 0 {
		p.http = portOf(l[0])
	}
	return p
}
