package ports

import (
	"bytes"
	"io"
	"net"
)

// proxyHeaders are the first bytes of a connection on which a balancer sends the PROXY protocol
// (https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt, §2.1 and §2.2). Version 2's are cut to 5 bytes, after which
// crypto/tls reads no more of what is no TLS record. No HTTP request has a NUL there.
var proxyHeaders = []struct{ begin, version string }{
	{"\r\n\r\n\x00", "2"},
	{"PROXY TCP4 ", "1"},
	{"PROXY TCP6 ", "1"},
	{"PROXY UNKNOW", "1"},
}

const mostProxyHeader = 12 // bytes of the longest

// ProxyHeaders calls seen for connections that begin with a PROXY protocol header. This server does not read that
// protocol: it takes the header for a broken handshake or request, and no visitor behind that balancer gets an answer.
func ProxyHeaders(ln net.Listener, seen func(conn net.Conn, version string)) net.Listener {
	return proxyHeaderListener{ln, seen}
}

type proxyHeaderListener struct {
	net.Listener
	seen func(conn net.Conn, version string)
}

func (l proxyHeaderListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &proxyHeaderConn{Conn: conn, seen: l.seen}, nil
}

// proxyHeaderConn looks at the first bytes of a connection as they are read, and changes nothing. Its other methods are
// those of a *net.TCPConn that net/http looks for.
type proxyHeaderConn struct {
	net.Conn
	seen  func(net.Conn, string)
	known bool // whether a header came is decided; not atomic, since net/http and crypto/tls never read twice at once
	begin [mostProxyHeader]byte
	n     int
}

func (c *proxyHeaderConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if n > 0 && !c.known {
		c.look(b[:n])
	}
	return n, err
}

func (c *proxyHeaderConn) look(b []byte) {
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

// ReadFrom lets the kernel send files (sendfile).
func (c *proxyHeaderConn) ReadFrom(r io.Reader) (int64, error) {
	if to, ok := c.Conn.(io.ReaderFrom); ok {
		return to.ReadFrom(r)
	}
	return io.Copy(struct{ io.Writer }{c.Conn}, r)
}

// CloseWrite closes the sending side alone, so that the client can still read all of the response.
func (c *proxyHeaderConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return net.ErrClosed
}
