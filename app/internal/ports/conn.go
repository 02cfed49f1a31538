package ports

import (
	"bytes"
	"io"
	"net"
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

// Conns returns ln with an Accept that returns each connection as a *Conn. seen is called for every connection that
// begins with a header of the PROXY protocol. This server does not read that protocol. It takes the header for a broken
// handshake or request, and no visitor behind that balancer gets an answer. seen is called in the goroutine that reads
// the connection.
func Conns(ln net.Listener, seen func(conn net.Conn, version string)) net.Listener {
	return connListener{ln, seen}
}

type connListener struct {
	net.Listener
	seen func(conn net.Conn, version string)
}

func (l connListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &Conn{Conn: conn, seen: l.seen}, nil
}

// Conn is a connection whose first bytes can be looked at. ReadFrom and CloseWrite are methods of *net.TCPConn that
// net/http looks for. Read and First must not be called at once: net/http and crypto/tls never read twice at once.
type Conn struct {
	net.Conn
	head  []byte // has been read and is still to be returned by Read
	seen  func(net.Conn, string)
	known bool // it is decided whether a PROXY header came
	begin [maxProxyHeader]byte
	n     int
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
	return n, err
}

// look calls seen once the bytes read so far are one of proxyHeaders, and stops looking once they can be none.
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
