package site

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"sync"

	"example.com/turnkey/scripts/doctor/report"
)

// handshake completes a handshake and closes the connection. tcpErr is of the connection, tlsErr of the handshake.
func (l *look) handshake(ctx context.Context, addr netip.Addr, change func(*tls.Config)) (
	state tls.ConnectionState, tcpErr, tlsErr error,
) {
	conn, err := l.connect(ctx, addr, l.httpsPort)
	if err != nil {
		return state, err, nil
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(ctx, l.limits.shake)
	defer cancel()
	config := l.config()
	change(config)
	client := tls.Client(conn, config)
	tlsErr = client.HandshakeContext(ctx)
	return client.ConnectionState(), nil, tlsErr
}

// config offers every version that this program knows. It verifies nothing, because the doctor has to explain invalid
// certificates, and sends no secrets.
func (l *look) config() *tls.Config {
	c := &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS10, NextProtos: []string{"h2", "http/1.1"}}
	if !l.addr.IsValid() {
		c.ServerName = l.host
	}
	return c
}

const ourDomains = "; for a site of this project, add the name to DOMAINS"

// explain describes a failed handshake and what to do.
func (l *look) explain(err error) (found, fix string) {
	record, plain := errors.AsType[tls.RecordHeaderError](err)
	switch {
	case plain && bytes.HasPrefix(record.RecordHeader[:], []byte("HTTP")):
		return fmt.Sprintf("port %d speaks plain http, not TLS", l.httpsPort),
			"let the server itself, or the proxy in front, answer TLS there"
	case plain:
		return fmt.Sprintf("what answers on port %d is not TLS", l.httpsPort),
			"find out which program listens there: it is not the web server"
	case timedOut(err):
		return fmt.Sprintf("port %d accepts connections, but completes no handshake in time", l.httpsPort),
			"look whether the server is overloaded, or waits for something at each handshake"
	case alerted(err):
		return "the server refuses the handshake for " + l.host + ": " + part(err.Error()),
			"look into its log; most often it has no certificate for this name yet" + ourDomains
	case errors.Is(err, io.EOF):
		return "the server closes the connection during the handshake",
			"look into its log; a firewall between can do this too"
	}
	return "the handshake fails: " + part(err.Error()), "look into the server's log"
}

// alerted reports whether the other side ended a handshake with an alert, for which crypto/tls has no type.
func alerted(err error) bool { return strings.Contains(err.Error(), "remote error: tls: ") }

// protocol offers one TLS version after another, then checks what else can be negotiated.
func (l *look) protocol(ctx context.Context, s *report.Section) {
	versions := []uint16{tls.VersionTLS13, tls.VersionTLS12, tls.VersionTLS11, tls.VersionTLS10}
	errs := make([]error, len(versions))
	var wg sync.WaitGroup
	for i, v := range versions {
		if v != l.served.Version { // that one is known
			wg.Go(func() {
				_, tcpErr, tlsErr := l.handshake(ctx, l.https[0].addr, only(v))
				errs[i] = cmp.Or(tcpErr, tlsErr)
			})
		}
	}
	wg.Wait()
	for i, v := range versions {
		err, old := errs[i], v < tls.VersionTLS12
		s.First(strings.ToLower(strings.ReplaceAll(tls.VersionName(v), " ", "")), report.Cases{
			{err == nil && old, wrong, "accepted; browsers refuse it since 2020 for its weaknesses (RFC 8996)",
				"let the server, or the proxy in front, begin at TLS 1.2"},
			{err == nil, good, "accepted", ""},
			{!declined(err), skip, "cannot be determined: " + part(fmt.Sprint(err)), ""},
			{v == tls.VersionTLS13, warn, "not offered: every handshake takes a round trip more",
				"let the server, or the proxy in front, speak TLS 1.3"},
			{old, good, "refused, as it should be", ""},
			{true, good, "refused: clients from before 2018 cannot come", ""},
		})
	}
	curve, alpn := l.served.CurveID, l.served.NegotiatedProtocol
	s.First("exchange", report.Cases{
		{curve == tls.X25519MLKEM768, good, "X25519MLKEM768: later quantum computers cannot read what is recorded now", ""},
		{curve != 0, good, curve.String() + "; X25519MLKEM768, against later quantum computers, is not offered", ""},
	})
	known := map[string]string{"h2": "HTTP/2", "": "none is agreed on, so HTTP/1.1"}
	s.OK("alpn", cmp.Or(known[alpn], part(alpn)+"; HTTP/2 is not offered"))
	l.http3(ctx, s, l.resumption(ctx, s))
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
	return err != nil && (alerted(err) || strings.Contains(err.Error(), "server selected unsupported protocol version") ||
		errors.Is(err, io.EOF) || isOne(err, reset))
}

// resumption connects again with the ticket of a first connection. Tickets of TLS 1.3 arrive after the handshake, so it
// has to read a response. It returns the header of the last one.
func (l *look) resumption(ctx context.Context, s *report.Section) http.Header {
	page, tickets := l.at("https", "/"), tls.NewLRUClientSessionCache(1)
	last, err := l.fetch(ctx, http.MethodHead, page, tickets)
	if err == nil {
		last, err = l.fetch(ctx, http.MethodHead, page, tickets)
	}
	s.First("resumption", report.Cases{
		{err != nil, skip, "cannot be determined: " + part(fmt.Sprint(err)), ""},
		{err == nil && last.TLS.DidResume, good, "a second connection is resumed", ""},
		{true, good, "a second connection is not resumed: several servers behind the name, or tickets are off", ""},
	})
	if err != nil {
		return nil
	}
	return last.Header
}
