package main

import (
	"bytes"
	"io"
	"net"
)

// proxyHeaders are how a connection begins on which a balancer sends the PROXY protocol
// (https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt, §2.1 and §2.2), cut to the length of the binary one.
var proxyHeaders = []struct{ begin, version string }{
	{"\r\n\r\n\x00\r\nQUIT\n", "2"},
	{"PROXY TCP4 ", "1"},
	{"PROXY TCP6 ", "1"},
	{"PROXY UNKNOW", "1"},
}

const mostProxyHeader = 12

// proxyHeaderListener notices connections that begin with a PROXY protocol header, which this server does not read: it
// takes the header for a broken handshake or request, and every visitor behind that balancer is cut off.
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
	known bool // net/http and crypto/tls never read twice at once
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
			return // perhaps: the rest is still to come
		}
	}
	c.known = true
}

// ReadFrom lets the system send files by itself.
func (c *proxyHeaderConn) ReadFrom(r io.Reader) (int64, error) {
	if to, ok := c.Conn.(io.ReaderFrom); ok {
		return to.ReadFrom(r)
	}
	return io.Copy(struct{ io.Writer }{c.Conn}, r)
}

// CloseWrite ends the answer before the connection, so that the client reads all of it.
func (c *proxyHeaderConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return net.ErrClosed
}

// proxyHeader tells of a balancer that sends the PROXY protocol, once an hour for each version and port.
func (n *noise) proxyHeader(conn net.Conn, setting, version string) {
	if n.due("PROXY " + setting + version) {
		n.log.Warn("a connection began with a PROXY protocol header, which is not understood here and ends it",
			"from", conn.RemoteAddr().String(), "port", setting, "version", version,
			"fix", "if that address is your balancer, stop it from sending the header: "+
				"HAProxy, take send-proxy and send-proxy-v2 off the server line; "+
				"AWS Network Load Balancer, turn Proxy protocol v2 off in the target group; nginx, proxy_protocol off")
	}
}

// noticingProxies is the listener of a setting, with that hint.
func (s *server) noticingProxies(ln net.Listener, setting string) net.Listener {
	return proxyHeaderListener{ln, func(conn net.Conn, version string) { s.noise.proxyHeader(conn, setting, version) }}
}
