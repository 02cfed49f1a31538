package ports

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"

	"github.com/pires/go-proxyproto"
)

// proxyHeaders are the first bytes of a connection on which a balancer sends the PROXY protocol
// (https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt, §2.1 and §2.2). That of version 2 is cut to 5 bytes,
// because crypto/tls reads no more than 5 of what is not a TLS record. No HTTP request has a NUL there.
var proxyHeaders = []struct{ begin, version string }{
	{"\r\n\r\n\x00", "2"},
	{"PROXY TCP4 ", "1"},
	{"PROXY TCP6 ", "1"},
	{"PROXY UNKNOW", "1"},
}

const maxProxyHeader = 12 // bytes of the longest of them

// Conns returns ln with an Accept that returns each connection as a *Conn. Those from an address in balancers begin
// with a header of the PROXY protocol (ReadHeader). seen is called for every other connection that begins with one, in the
// goroutine that reads it. No server takes such a header for a handshake or a request, so it is refused.
func Conns(ln net.Listener, balancers []netip.Prefix, seen func(conn net.Conn, version string)) net.Listener {
	return connListener{ln, balancers, seen}
}

type connListener struct {
	net.Listener
	balancers []netip.Prefix
	seen      func(conn net.Conn, version string)
}

func (l connListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	required := len(l.balancers) > 0 && isBalancer(l.balancers, conn.RemoteAddr())
	return &Conn{Conn: conn, seen: l.seen, required: required, known: required}, nil
}

// isBalancer reports whether the peer with an address has to send a header of the PROXY protocol.
func isBalancer(balancers []netip.Prefix, peer net.Addr) bool {
	addr, ok := peer.(*net.TCPAddr)
	if !ok {
		return false
	}
	ip := addr.AddrPort().Addr().Unmap().WithZone("")
	return slices.ContainsFunc(balancers, func(p netip.Prefix) bool { return p.Contains(ip) })
}

// Conn is a connection whose first bytes can be looked at. ReadFrom and CloseWrite are methods of *net.TCPConn that
// net/http looks for. ReadHeader, First and Read must not be called at once: net/http and crypto/tls never read twice
// at once.
type Conn struct {
	net.Conn
	required bool     // a PROXY header has to come, and ReadHeader to be called
	remote   net.Addr // from the PROXY header; nil: that of Conn
	local    net.IP   // the same
	head     []byte   // has been read and is still to be returned by Read
	limit    int      // how many bytes Read may still return; 0: there is no limit
	seen     func(net.Conn, string)
	known    bool // it is decided whether a PROXY header came
	begin    [maxProxyHeader]byte
	n        int
}

// ErrHeader is the error of a connection from a balancer that does not begin with a valid header.
var ErrHeader = errors.New("a PROXY header is required")

// ReadHeader reads the header of the PROXY protocol, version 1 or 2, which a connection from a balancer has to begin
// with. It does nothing on others. From then on RemoteAddr and LocalAddr have the addresses in the header. They stay as
// they are where it has none for TCP: LOCAL and UNKNOWN are the balancer's own health checks. Call it once, before
// Read, with a deadline. It takes no more than 4 KiB.
func (c *Conn) ReadHeader() error {
	if !c.required {
		return nil
	}
	in := bufio.NewReaderSize(c.Conn, 256) // a header of version 1 is 107 bytes at most
	if _, err := in.Peek(1); err != nil {
		return err // a check of the port alone, or a silent client
	}
	header, err := proxyproto.Read(in)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrHeader, err)
	}
	if rest, _ := in.Peek(in.Buffered()); len(rest) > 0 {
		c.head = bytes.Clone(rest)
	}
	client, site, ok := header.TCPAddrs()
	if ok && !header.Command.IsLocal() {
		c.remote, c.local = client, site.IP
	}
	return nil
}

// SendLocal sends the header of a health check, if the server at the other end requires one from this address.
func SendLocal(conn net.Conn, balancers []netip.Prefix) error {
	if !isBalancer(balancers, conn.LocalAddr()) {
		return nil
	}
	_, err := (&proxyproto.Header{Version: 2, Command: proxyproto.LOCAL}).WriteTo(conn)
	return err
}

// RemoteAddr returns the address of the client, also behind a balancer.
func (c *Conn) RemoteAddr() net.Addr {
	if c.remote != nil {
		return c.remote
	}
	return c.Conn.RemoteAddr()
}

// Unnamed reports whether a balancer sent a header that names no client.
func (c *Conn) Unnamed() bool { return c.required && c.remote == nil }

// LocalAddr returns the address to which the client connected, also at a balancer, with the port of this server. A
// server with certificates for several addresses chooses by it.
func (c *Conn) LocalAddr() net.Addr {
	own := c.Conn.LocalAddr()
	if tcp, ok := own.(*net.TCPAddr); ok && c.local != nil {
		return &net.TCPAddr{IP: c.local, Port: tcp.Port}
	}
	return own
}

// First waits for the first byte of a connection and returns it. Read returns it again.
func (c *Conn) First() (byte, error) {
	if len(c.head) == 0 {
		b := make([]byte, 1)
		if _, err := c.Read(b); err != nil {
			return 0, err
		}
		c.head = b
	}
	return c.head[0], nil
}

// ErrTooLong is the error of Read at the limit.
var ErrTooLong = errors.New("the handshake is too long")

// Limit makes Read return ErrTooLong once, when it has returned n bytes more. 0: there is no limit.
func (c *Conn) Limit(n int) { c.limit = n }

func (c *Conn) Read(b []byte) (int, error) {
	if len(c.head) > 0 {
		n := copy(b, c.head)
		if c.head = c.head[n:]; len(c.head) == 0 {
			c.head = nil
		}
		return n, nil
	}
	n, err := c.Conn.Read(b)
	if n > 0 && !c.known {
		c.look(b[:n])
	}
	if c.limit > 0 {
		if c.limit -= n; c.limit <= 0 {
			return n, ErrTooLong
		}
	}
	return n, err
}

// look calls seen if the first bytes are one of proxyHeaders. It does nothing once that is decided.
func (c *Conn) look(b []byte) {
	c.n += copy(c.begin[c.n:], b)
	begin := c.begin[:c.n]
	for _, h := range proxyHeaders {
		if bytes.HasPrefix(begin, []byte(h.begin)) {
			c.known = true
			c.seen(c.Conn, h.version)
			return
		}
		if bytes.HasPrefix([]byte(h.begin), begin) {
			return // undecided until more bytes arrive
		}
	}
	c.known = true
}

// ReadFrom passes a file on to the kernel, which sends it (sendfile).
func (c *Conn) ReadFrom(r io.Reader) (int64, error) {
	if to, ok := c.Conn.(io.ReaderFrom); ok {
		return to.ReadFrom(r)
	}
	return io.Copy(struct{ io.Writer }{c.Conn}, r)
}

// CloseWrite closes the sending side alone, so that the client can still read all of the response.
func (c *Conn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return net.ErrClosed
}
