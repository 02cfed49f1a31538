package server

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"

	"example.com/turnkey/app/internal/ports"
	"example.com/turnkey/app/kit"
)

// handshakeConn is a connection below TLS that keeps how its handshake began. crypto/tls shows the ClientHello to
// callbacks only, and does not tell which certificate it sent.
//
// handshakeConn needs no lock. Its own handshake writes it, and ends before the first request begins. After that it is
// only read.
type handshakeConn struct {
	net.Conn
	kit.Handshake
	get func(*tls.ClientHelloInfo) (*tls.Certificate, error)
}

// watchHandshakes makes a source's configuration record each handshake on a connection that keeps it, and refuse a
// ClientHello with longer lists than maxHelloSize. crypto/tls keeps them until the handshake ends, at twelve times their
// size on the wire. A handshake for acme-tls/1, for which the source chooses another configuration, is not recorded.
func watchHandshakes(config *tls.Config) *tls.Config {
	get, choose := config.GetCertificate, config.GetConfigForClient
	config.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		if size(hello) > maxHelloSize {
			return nil, ports.ErrTooLong
		}
		if c := keeperOf(hello); c != nil {
			c.Hello, c.get = hello, get
		}
		if choose == nil {
			return nil, nil
		}
		return choose(hello)
	}
	config.GetCertificate = func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		cert, err := get(hello)
		if c := keeperOf(hello); c != nil {
			c.Certificate = cert
		}
		return cert, err
	}
	return config
}

// keeperOf returns the connection that keeps a handshake, or nil. Over QUIC it is in the context, because there is no
// connection below TLS.
func keeperOf(hello *tls.ClientHelloInfo) *handshakeConn {
	if c, ok := hello.Conn.(*handshakeConn); ok {
		return c
	}
	if ctx := hello.Context(); ctx != nil { // nil: it is not of a handshake
		c, _ := ctx.Value(handshakeKey{}).(*handshakeConn)
		return c
	}
	return nil
}

const (
	// maxHelloSize is ten times the size of the lists in a browser's ClientHello.
	maxHelloSize = 4 << 10

	// maxHandshake is how many bytes a client may send in a handshake, and maxCertHandshake if it has to show a
	// certificate. BoringSSL has such limits too. crypto/tls takes messages of 64 KB, which can be 1.8 MB once parsed.
	maxHandshake     = 16 << 10
	maxCertHandshake = 64 << 10
)

// size returns about how many bytes the lists in a hello take.
func size(hello *tls.ClientHelloInfo) int {
	words := len(hello.CipherSuites) + len(hello.SupportedCurves) + len(hello.SignatureSchemes) +
		len(hello.SupportedVersions) + len(hello.Extensions) // two bytes each
	n := len(hello.ServerName) + len(hello.SupportedPoints) + 2*words
	for _, proto := range hello.SupportedProtos {
		n += 16 + len(proto)
	}
	return n
}

type handshakeKey struct{}

// withHandshake is an http.Server's ConnContext. It puts the connection's handshake into the context of every request
// on it, also over HTTP/2.
func withHandshake(ctx context.Context, conn net.Conn) context.Context {
	if t, ok := conn.(*tls.Conn); ok {
		if c, ok := t.NetConn().(*handshakeConn); ok {
			return context.WithValue(ctx, handshakeKey{}, c)
		}
	}
	return ctx
}

// handshakeOf returns how the connection of a request began, or nil without TLS and if the handshake was not kept.
func handshakeOf(r *http.Request) *kit.Handshake {
	c, ok := r.Context().Value(handshakeKey{}).(*handshakeConn)
	if !ok || c.Hello == nil {
		return nil
	}
	if c.Certificate != nil {
		return &c.Handshake
	}
	// A resumed session of TLS 1.3 needs no certificate (RFC 8446 §2.2), so ask the source now. It answers from memory.
	cert, _ := c.get(c.Hello)
	return &kit.Handshake{Hello: c.Hello, Certificate: cert}
}
