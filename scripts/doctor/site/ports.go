package site

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"syscall"
)

// knock is the result of opening a connection.
type knock struct {
	addr netip.Addr
	err  error
}

// ports tries every address: visitors and CAs may choose any of them.
func (l *look) ports(ctx context.Context) section {
	s := section{group: "ports"}
	if len(l.addrs) == 0 {
		s.skip("https", "there is no address to connect to")
		return s
	}
	var wg sync.WaitGroup
	secure, plain := make([]knock, len(l.addrs)), make([]knock, len(l.addrs))
	for i, addr := range l.addrs {
		wg.Go(func() { secure[i] = l.knock(ctx, addr, l.httpsPort) })
		if l.httpPort != 0 {
			wg.Go(func() { plain[i] = l.knock(ctx, addr, l.httpPort) })
		}
	}
	wg.Wait()
	l.https = l.judge(&s, "https", l.httpsPort, secure)
	if l.httpPort == 0 {
		s.skip("http", fmt.Sprintf("with https on port %d, plain http may be anywhere; --http-port names its port",
			l.httpsPort))
		return s
	}
	l.http = l.judge(&s, "http", l.httpPort, plain)
	return s
}

func (l *look) knock(ctx context.Context, addr netip.Addr, port int) knock {
	ctx, cancel := context.WithTimeout(ctx, dialTime)
	defer cancel()
	conn, err := l.dial(ctx, "tcp", net.JoinHostPort(addr.String(), strconv.Itoa(port)))
	if err == nil {
		conn.Close()
	}
	return knock{addr, err}
}

// judge adds a finding about a port on every address, and returns the addresses where it is open.
func (l *look) judge(s *section, name string, port int, knocks []knock) (open []netip.Addr) {
	for _, k := range knocks {
		if k.err == nil {
			open = append(open, k.addr)
		}
	}
	for _, k := range knocks {
		what := fmt.Sprintf("%s port %d", k.addr, port)
		switch {
		case k.err == nil:
			s.ok(name, what+" answers")
		case len(open) > 0 && noWay(k.err):
			s.skip(name, what+": this machine has no way there, so nothing can be said")
		case len(open) > 0 && l.loopback():
			s.skip(name, what+": nothing listens there, and programs go on to the other address")
		case len(open) > 0 && k.addr.Is6():
			s.wrong(name, what+" "+why(k.err)+", while another address answers; authorities try IPv6 first, and may give up "+
				"there",
				"let the server and its firewall answer on IPv6 too, or take the AAAA record out")
		case len(open) > 0:
			s.wrong(name, what+" "+why(k.err)+", while another address answers: some visitors end here",
				"let a server answer there, or take the record out")
		case name == "https":
			s.wrong(name, what+" "+why(k.err), remedy(k.err, port))
		default:
			s.warn(name, what+" "+why(k.err)+": visitors who type the name without https:// may not arrive, and http-01 "+
				"challenges fail", remedy(k.err, port))
		}
	}
	return open
}

// noWay reports whether this machine cannot send to an address of that family, which says nothing about the server. The
// numbers are Windows' WSAEAFNOSUPPORT, WSAEADDRNOTAVAIL and WSAENETUNREACH.
func noWay(err error) bool {
	for _, e := range []error{syscall.ENETUNREACH, syscall.EADDRNOTAVAIL, syscall.EAFNOSUPPORT, syscall.Errno(10047),
		syscall.Errno(10049), syscall.Errno(10051)} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// refused reports whether the machine answered that nothing listens on the port. 10061 is WSAECONNREFUSED.
func refused(err error) bool {
	return errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.Errno(10061))
}

// late reports whether no answer came in time.
func late(err error) bool {
	var timeout net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout()
}

// why describes an error in a few words.
func why(err error) string {
	switch {
	case refused(err):
		return "refuses connections"
	case late(err):
		return "does not answer in time"
	}
	return "cannot be reached (" + part(err.Error()) + ")"
}

func remedy(err error, port int) string {
	if refused(err) {
		return fmt.Sprintf("start the server there, listening on all addresses (:%d, not localhost:%d)", port, port)
	}
	return fmt.Sprintf("let TCP port %d through every firewall on the way: the provider's, the router's and the "+
		"machine's own", port)
}
