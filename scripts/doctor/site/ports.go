package site

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"sync"
	"syscall"

	"example.com/turnkey/scripts/doctor/report"
)

// end is an address of the site, and what its ports answered.
type end struct {
	addr             netip.Addr
	plainErr, tcpErr error // of connections to plain http and to https
	tlsErr           error // of the handshake, if tcpErr is nil
	state            tls.ConnectionState
	asked            bool // for a client certificate, in that handshake
}

// ports tries every address: visitors and CAs may choose any of them.
func (l *look) ports(ctx context.Context, s *report.Section) {
	ends := make([]end, len(l.addrs))
	var wg sync.WaitGroup
	for i, addr := range l.addrs {
		e := &ends[i]
		e.addr = addr
		wg.Go(func() {
			e.state, e.tcpErr, e.tlsErr = l.handshake(ctx, addr, func(c *tls.Config) {
				c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
					e.asked = true
					return &tls.Certificate{}, nil // none
				}
			})
		})
		if l.httpPort != 0 {
			wg.Go(func() {
				conn, err := l.connect(ctx, addr, l.httpPort)
				if e.plainErr = err; err == nil {
					conn.Close()
				}
			})
		}
	}
	wg.Wait()
	if len(ends) == 0 {
		s.Skip("https", "there is no address to connect to")
		return
	}
	l.https = l.judge(s, "https", l.httpsPort, ends, func(e end) error { return e.tcpErr })
	// Later checks use the first one, so put one there that completes handshakes.
	if i := slices.IndexFunc(l.https, func(e end) bool { return e.tlsErr == nil }); i >= 0 {
		l.https[0], l.https[i] = l.https[i], l.https[0]
		l.served = &l.https[0].state
	}
	if l.httpPort != 0 {
		l.http = l.judge(s, "http", l.httpPort, ends, func(e end) error { return e.plainErr })
		return
	}
	s.Skip("http", fmt.Sprintf("with https on port %d, plain http may be on any port: give --http-port", l.httpsPort))
}

func (l *look) connect(ctx context.Context, addr netip.Addr, port int) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, l.limits.dial)
	defer cancel()
	return l.Dial(ctx, "tcp", net.JoinHostPort(addr.String(), strconv.Itoa(port)))
}

// judge adds a finding about a port on every address, and returns the addresses where it is open.
func (l *look) judge(s *report.Section, name string, port int, ends []end, of func(end) error) (open []end) {
	open = slices.DeleteFunc(slices.Clone(ends), func(e end) bool { return of(e) != nil })
	for _, e := range ends {
		err := of(e)
		what := fmt.Sprintf("%s port %d", e.addr, port)
		if err == nil {
			s.OK(name, what+" answers")
			continue
		}
		why := " cannot be reached (" + part(err.Error()) + ")"
		fix := fmt.Sprintf("let TCP port %d through every firewall: the provider's, the router's and the machine's own", port)
		if timedOut(err) {
			why = " does not answer in time"
		} else if isOne(err, refused) {
			why = " refuses connections"
			fix = fmt.Sprintf("start the server there, listening on all addresses (:%d, not localhost:%[1]d)", port)
		}
		what += why
		s.First(name, report.Cases{
			{len(open) == 0 && name == "https", wrong, what, fix},
			{len(open) == 0, warn, what + ": visitors who type the name without https:// may not arrive, and http-01 " +
				"challenges fail", fix},
			{isOne(err, noRoute), skip, what + "; this machine has no route to it, so nothing can be said", ""},
			{l.loopback(), skip, what + ", and programs go on to the other address", ""},
			{e.addr.Is6(), wrong, what + ", while another address answers; CAs try IPv6 first, and may give up there",
				"let the server and its firewall answer on IPv6 too, or remove the AAAA record"},
			{true, wrong, what + ", while another address answers: some visitors end here",
				"let a server answer there, or remove the record"},
		})
	}
	return open
}

// Errors of connections, each with Windows' number.
var (
	// noRoute means that this machine cannot send to an address of that family, which says nothing about the server.
	noRoute = []syscall.Errno{syscall.ENETUNREACH, 10051, syscall.EADDRNOTAVAIL, 10049, syscall.EAFNOSUPPORT, 10047}
	refused = []syscall.Errno{syscall.ECONNREFUSED, 10061}
	reset   = []syscall.Errno{syscall.ECONNRESET, 10054}
)

func isOne(err error, of []syscall.Errno) bool {
	number, ok := errors.AsType[syscall.Errno](err)
	return ok && slices.Contains(of, number)
}

func timedOut(err error) bool {
	timeout, ok := errors.AsType[net.Error](err)
	return ok && timeout.Timeout()
}

// without returns why the checks of a port are skipped, or "". open are the addresses where it answers.
func (l *look) without(port int, open []end) string {
	switch {
	case len(l.addrs) == 0:
		return "there is no address to connect to"
	case port == 0:
		return "the port of plain http is not known"
	case len(open) == 0:
		return fmt.Sprintf("port %d cannot be reached", port)
	}
	return ""
}
