package ports

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"example.com/turnkey/middleware/host"
)

// PlainOnTLS answers plain http on a developer's TLS port with a redirect to https on the same port. Without it
// crypto/tls answers a bare 400. It looks at the first byte in Read, in the connection's own goroutine and under the
// deadline of the handshake, so a client that sends nothing delays no other. ALPN is not affected.
func PlainOnTLS(ln net.Listener, hosts *host.Set) net.Listener {
	return plainOnTLS{ln, hosts}
}

// ErrPlainAnswered is the error of a handshake on a connection that PlainOnTLS has answered.
var ErrPlainAnswered = errors.New("plain http, sent to https")

type plainOnTLS struct {
	net.Listener
	hosts *host.Set
}

func (l plainOnTLS) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &maybePlain{Conn: conn, hosts: l.hosts, port: portNumber(l.Listener)}, nil
}

// maybePlain is a connection that may turn out to speak plain http.
type maybePlain struct {
	net.Conn
	hosts *host.Set
	port  int
	known bool // the first byte has been looked at
}

// Read answers the client if the first byte begins an HTTP method, which is a capital letter. No TLS record begins with
// a letter (RFC 8446 §5.1).
func (c *maybePlain) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if c.known || n == 0 {
		return n, err
	}
	c.known = true
	if b[0] < 'A' || b[0] > 'Z' {
		return n, err
	}
	c.answer(io.MultiReader(bytes.NewReader(bytes.Clone(b[:n])), c.Conn))
	return 0, ErrPlainAnswered
}

const (
	maxPlainRequest = 64 << 10 // bytes of a header that are read
	maxPlainBody    = 1 << 20  // bytes of a body that is read before the connection is closed
)

// answer sends a redirect, 421 for a host that this server does not answer for, or 400 for what is no request.
func (c *maybePlain) answer(in io.Reader) {
	req, err := http.ReadRequest(bufio.NewReader(io.LimitReader(in, maxPlainRequest)))
	resp := &http.Response{
		StatusCode: http.StatusBadRequest, ProtoMajor: 1, ProtoMinor: 1, Close: true, Header: http.Header{},
	}
	if err == nil {
		if location, ok := c.location(req); ok {
			resp.StatusCode = http.StatusTemporaryRedirect // browsers do not cache 307
			resp.Header.Set("Location", location)
		} else {
			resp.StatusCode = http.StatusMisdirectedRequest
		}
	}
	body := http.StatusText(resp.StatusCode) + "\n"
	resp.Header.Set("Cache-Control", "no-store")
	resp.Header.Set("Content-Type", "text/plain; charset=utf-8")
	resp.ContentLength, resp.Body = int64(len(body)), io.NopCloser(strings.NewReader(body))
	if resp.Write(c.Conn) != nil {
		return
	}
	// Closing a connection with unread input resets it, and the client may lose the answer.
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok && half.CloseWrite() == nil {
		c.Conn.SetReadDeadline(time.Now().Add(500 * time.Millisecond))
		io.Copy(io.Discard, io.LimitReader(c.Conn, maxPlainBody))
	}
}

// location returns the request's address under https. It is made of an allowed host name and a port number, and of
// nothing else in Host.
func (c *maybePlain) location(req *http.Request) (string, bool) {
	name, port := host.Split(req.Host)
	if name == "" || !c.hosts.Allows(req.Host) {
		return "", false
	}
	if port == "" {
		port = strconv.Itoa(c.port)
	}
	return host.HTTPS(name, port, req.URL), true
}
