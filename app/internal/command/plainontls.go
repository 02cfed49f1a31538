package command

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"example.com/turnkey/middleware"
)

// plainOnTLS is the TLS port of a developer, on which http:// is typed sooner or later: such a request is sent to
// https on the same port, where crypto/tls knows only a bare 400. It sits below TLS, and looks at the first bytes
// where they are read anyway: in the connection's own goroutine, under the handshake's deadline. So a client that
// sends nothing holds up nobody, and HTTP/2 is negotiated as ever.
type plainOnTLS struct {
	net.Listener
	hosts *middleware.HostSet
}

func (l plainOnTLS) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &maybePlain{Conn: conn, hosts: l.hosts, port: portOf(l.Listener)}, nil
}

// maybePlain is a connection of which nobody knows yet whether it speaks TLS.
type maybePlain struct {
	net.Conn
	hosts *middleware.HostSet
	port  int
	known bool
}

// errPlainAnswered ends the handshake of a connection that has its answer already.
var errPlainAnswered = errors.New("plain http, sent to https")

// Read answers a first byte that begins an HTTP method; those of TLS records are no letters (RFC 8446 §5.1).
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
	return 0, errPlainAnswered
}

func (c *maybePlain) answer(in io.Reader) {
	req, err := http.ReadRequest(bufio.NewReader(io.LimitReader(in, maxHeaderBytes)))
	resp := &http.Response{StatusCode: http.StatusBadRequest, ProtoMajor: 1, ProtoMinor: 1, Close: true, Header: http.Header{}}
	if err == nil {
		if location, ok := c.location(req); ok {
			resp.StatusCode = http.StatusTemporaryRedirect // never one that browsers keep
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
	// Closing with input unread resets the connection, and the answer may be lost with it.
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok && half.CloseWrite() == nil {
		c.Conn.SetReadDeadline(time.Now().Add(500 * time.Millisecond))
		io.Copy(io.Discard, io.LimitReader(c.Conn, bodyLimit))
	}
}

// location is the request's own address under https. It is made of an allowed name and a number, never of other words
// in Host.
func (c *maybePlain) location(req *http.Request) (string, bool) {
	u := url.URL{Host: req.Host}
	name, port := strings.ToLower(strings.TrimSuffix(u.Hostname(), ".")), u.Port()
	if name == "" || !c.hosts.Allows(net.JoinHostPort(name, "0")) {
		return "", false
	}
	if port == "" {
		port = strconv.Itoa(c.port)
	}
	target := req.URL.RequestURI()
	if !strings.HasPrefix(target, "/") { // OPTIONS *
		target = "/"
	}
	return "https://" + net.JoinHostPort(name, port) + target, true
}
