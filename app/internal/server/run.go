package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"example.com/turnkey/app/internal/dev"
	"example.com/turnkey/app/internal/ports"
	"example.com/turnkey/tlsconfig"
)

// Run serves until ctx is done or a part fails, then stops. At each signal from reload it reads certificates and names
// again. It returns what failed and the error of the stop, or nil.
func (s *Server) Run(ctx context.Context, reload <-chan os.Signal) error {
	failed := make(chan error, 1) // the first error alone
	fail := func(err error) {
		select {
		case failed <- err:
		default:
		}
	}
	s.accept(fail)
	s.quic.serve()
	background, endTasks := context.WithCancel(context.WithoutCancel(ctx))
	var tasks sync.WaitGroup
	tasks.Go(func() { s.pages.Compress(background) })
	tasks.Go(func() {
		every(background, time.Minute, s.report)
		s.report()
	})
	tasks.Go(func() { every(background, 5*time.Second, s.updateNames) })
	tasks.Go(func() {
		select {
		case <-s.Dev.Alone():
			s.life.begin()
		case <-background.Done():
		}
	})
	tasks.Go(func() {
		if err := s.Source.Run(background); err != nil {
			fail(fmt.Errorf("keeping certificates: %w", err))
		}
	})
	cause := s.wait(ctx, reload, failed)
	err := s.stop(errors.Is(context.Cause(ctx), dev.ErrReplaced), endTasks)
	s.waitForTasks(&tasks)
	return errors.Join(cause, err)
}

// report logs what was counted since the last report.
func (s *Server) report() {
	s.handshakes.Report()
	s.descriptors.report()
}

// wait returns nil when ctx is done, or the first error. At each reload it updates names and certificates.
func (s *Server) wait(ctx context.Context, reload <-chan os.Signal, failed <-chan error) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-failed:
			return err
		case <-reload:
			s.Log.Info("SIGHUP: reading the certificates again")
			s.updateNames()
			s.Source.Reload()
		}
	}
}

// waitForTasks waits for the background tasks, at most backgroundGrace: a disk that hangs does not hang the stop.
func (s *Server) waitForTasks(tasks *sync.WaitGroup) {
	ended := make(chan struct{})
	go func() { tasks.Wait(); close(ended) }()
	select {
	case <-ended:
	case <-time.After(backgroundGrace):
		s.Log.Warn("the certificate tasks did not end in time; stopping without them", "waited", backgroundGrace)
	}
}

// accept starts to accept connections on every listener. It calls fail for one that fails before the drain.
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

// serve accepts connections on one listener until it is closed.
func (s *Server) serve(srv served, ln net.Listener) error {
	var balancers []netip.Prefix
	settable := srv.port != &s.Ports.Admin && !s.Settings.InProxyMode()
	if s.Settings.ProxyProtocol && settable {
		balancers = s.Settings.TrustedProxies
	}
	ln = ports.Conns(reservingListener{ln, s.descriptors}, balancers, func(conn net.Conn, version string) {
		s.handshakes.ProxyHeader(conn, srv.port.Setting, version, balancers != nil, settable)
	})
	if srv.tls != nil || balancers != nil {
		ln = &opening{Listener: ln, server: s, tls: srv.tls}
	}
	return srv.Serve(ln)
}

// updateNames replaces the host names that this server answers for. A development site has the addresses that the
// machine has now. A site with TLS_MODE=files and no DOMAINS has the names in the certificates that are being served.
func (s *Server) updateNames() {
	switch {
	case s.Names != nil:
		s.hosts.Replace(s.Names())
	case s.Settings.Mode == tlsconfig.Files && len(s.Settings.Domains) == 0:
		var names []string
		for _, st := range s.Source.Status() {
			names = append(names, st.Names...)
		}
		s.hosts.Replace(names)
	}
}
