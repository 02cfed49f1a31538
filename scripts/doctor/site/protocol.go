package site

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"strings"
	"sync"
	"syscall"
)

// protocol offers one version after another, then checks what else can be negotiated.
func (l *look) protocol(ctx context.Context) section {
	s := section{group: "protocol"}
	if reason := l.absent(); reason != "" {
		s.skip("tls", reason)
		return s
	}
	versions := []uint16{tls.VersionTLS13, tls.VersionTLS12, tls.VersionTLS11, tls.VersionTLS10}
	errs := make([]error, len(versions))
	var wg sync.WaitGroup
	for i, v := range versions {
		if v != l.served.Version { // that one is known
			wg.Go(func() { _, errs[i] = l.shake(ctx, l.https[0], only(v)) })
		}
	}
	wg.Wait()
	for i, v := range versions {
		name := strings.ToLower(strings.ReplaceAll(tls.VersionName(v), " ", ""))
		err, old := errs[i], v < tls.VersionTLS12
		switch {
		case err == nil && old:
			s.wrong(name, "accepted; browsers have left it since 2020 for its weaknesses (RFC 8996)",
				"let the server, or the proxy in front, begin at TLS 1.2")
		case err == nil:
			s.ok(name, "accepted")
		case !declined(err):
			s.skip(name, "cannot be told: "+part(err.Error()))
		case v == tls.VersionTLS13:
			s.warn(name, "not offered: every handshake takes a round trip more",
				"let the server, or the proxy in front, speak TLS 1.3")
		case old:
			s.ok(name, "refused, as it should be")
		default:
			s.ok(name, "refused: clients from before 2018 cannot come")
		}
	}
	if l.served.CurveID == tls.X25519MLKEM768 {
		s.ok("exchange", "X25519MLKEM768: what is recorded today stays closed to a quantum computer")
	} else if l.served.CurveID != 0 {
		s.ok("exchange", l.served.CurveID.String()+"; X25519MLKEM768, against quantum computers to come, is not offered")
	}
	switch l.served.NegotiatedProtocol {
	case "h2":
		s.ok("alpn", "HTTP/2")
	case "":
		s.ok("alpn", "none is agreed on, so HTTP/1.1")
	default:
		s.ok("alpn", part(l.served.NegotiatedProtocol)+"; HTTP/2 is not offered")
	}
	l.resumption(ctx, &s)
	return s
}

// only offers one version with every known cipher suite: servers that still speak an old version choose an old suite.
func only(version uint16) func(*tls.Config) {
	return func(c *tls.Config) {
		c.MinVersion, c.MaxVersion = version, version
		for _, suite := range append(tls.CipherSuites(), tls.InsecureCipherSuites()...) {
			c.CipherSuites = append(c.CipherSuites, suite.ID)
		}
	}
}

// declined reports whether the server ended the handshake, with an alert or by closing the connection.
func declined(err error) bool {
	return alerted(err) || strings.Contains(err.Error(), "server selected unsupported protocol version") ||
		errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.Errno(10054)) // WSAECONNRESET
}

// resumption connects again with the ticket of a first connection.
func (l *look) resumption(ctx context.Context, s *section) {
	cache := tls.NewLRUClientSessionCache(1)
	resumed, err := false, error(nil)
	for range 2 {
		if resumed, err = l.ticket(ctx, cache); err != nil {
			s.skip("resumption", "cannot be told: "+part(err.Error()))
			return
		}
	}
	if resumed {
		s.ok("resumption", "a second connection is resumed")
	} else {
		s.ok("resumption", "a second connection is not resumed: several servers behind the name, or tickets are off")
	}
}
