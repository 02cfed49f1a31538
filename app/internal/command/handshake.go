package command

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"

	"example.com/turnkey/app/kit"
)

// remembering is a listener below TLS whose connections remember how their handshake began: crypto/tls tells of the
// hello in passing only, and keeps the certificate to itself.
type remembering struct{ net.Listener }

func (l remembering) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &rememberingConn{Conn: conn}, nil
}

// rememberingConn is written by its own handshake, which ends before the first request on it begins; after that it is
// only read. So it needs no lock.
type rememberingConn struct {
	net.Conn
	kit.Handshake
	get func(*tls.ClientHelloInfo) (*tls.Certificate, error)
}

// remember has a source's configuration tell connections what it sees. The source decides as before. A configuration
// that it chooses for certain hellos (acme-tls/1) is its own, and what is answered there is not remembered.
func remember(config *tls.Config) *tls.Config {
	get, choose := config.GetCertificate, config.GetConfigForClient
	config.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		if c, ok := hello.Conn.(*rememberingConn); ok && weight(hello) <= mostWeight {
			c.Hello, c.get = hello, get
		}
		if choose == nil {
			return nil, nil
		}
		return choose(hello)
	}
	config.GetCertificate = func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		cert, err := get(hello)
		if c, ok := hello.Conn.(*rememberingConn); ok {
			c.Certificate = cert
		}
		return cert, err
	}
	return config
}

// mostWeight is ten times what browsers say. Hellos of 64 KB are taken, too, and some become 700 KB in memory: nobody can
// have that kept for as long as a connection is open.
const mostWeight = 4 << 10

// weight is about how many bytes a hello's lists take.
func weight(hello *tls.ClientHelloInfo) int {
	n := len(hello.ServerName) + len(hello.SupportedPoints) +
		2*(len(hello.CipherSuites)+len(hello.SupportedCurves)+len(hello.SignatureSchemes)+len(hello.SupportedVersions)+len(hello.Extensions))
	for _, proto := range hello.SupportedProtos {
		n += 16 + len(proto)
	}
	return n
}

type handshakeKey struct{}

// withHandshake is an http.Server's ConnContext: every request on the connection finds it, over HTTP/2 too.
func withHandshake(ctx context.Context, conn net.Conn) context.Context {
	if t, ok := conn.(*tls.Conn); ok {
		if c, ok := t.NetConn().(*rememberingConn); ok {
			return context.WithValue(ctx, handshakeKey{}, c)
		}
	}
	return ctx
}

// handshakeOf is how the connection of a request began; nil without TLS, and where it was not remembered.
func handshakeOf(r *http.Request) *kit.Handshake {
	c, ok := r.Context().Value(handshakeKey{}).(*rememberingConn)
	if !ok || c.Hello == nil {
		return nil
	}
	if c.Certificate != nil {
		return &c.Handshake
	}
	// A resumed session of TLS 1.3 asks for no certificate (RFC 8446 §2.2). Sources answer from memory.
	cert, err := c.get(c.Hello)
	if err != nil {
		cert = nil
	}
	return &kit.Handshake{Hello: c.Hello, Certificate: cert}
}
