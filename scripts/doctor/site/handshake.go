package site

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// meet finds the first address that completes a handshake, and keeps its answers for the later groups.
func (l *look) meet(ctx context.Context) {
	for _, addr := range l.https {
		var state tls.ConnectionState
		if state, l.shakeErr = l.shake(ctx, addr, func(c *tls.Config) {
			c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
				l.asked = true
				return &tls.Certificate{}, nil // none
			}
		}); l.shakeErr == nil {
			l.served = &state
			// Later connections go to the address that is known to answer.
			l.https[0], addr = addr, l.https[0]
			for i := range l.https[1:] {
				if l.https[i+1] == l.https[0] {
					l.https[i+1] = addr
				}
			}
			return
		}
		if late(l.shakeErr) {
			return // others may be as slow, and the time is limited
		}
	}
}

// config offers every version that this program knows. It verifies nothing: explaining an invalid certificate is the
// purpose, and only public requests are sent.
func (l *look) config() *tls.Config {
	c := &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS10, NextProtos: []string{"h2", "http/1.1"}}
	if !l.addr.IsValid() {
		c.ServerName = l.host
	}
	return c
}

// shake completes a handshake with addr and closes the connection. change, if any, changes the offer.
func (l *look) shake(ctx context.Context, addr netip.Addr, change func(*tls.Config)) (tls.ConnectionState, error) {
	ctx, cancel := context.WithTimeout(ctx, shakeTime)
	defer cancel()
	conn, err := l.dial(ctx, "tcp", net.JoinHostPort(addr.String(), strconv.Itoa(l.httpsPort)))
	if err != nil {
		return tls.ConnectionState{}, err
	}
	defer conn.Close()
	config := l.config()
	if change != nil {
		change(config)
	}
	client := tls.Client(conn, config)
	if err := client.HandshakeContext(ctx); err != nil {
		return tls.ConnectionState{}, err
	}
	return client.ConnectionState(), nil
}

// explain describes a failed handshake and what to do.
func (l *look) explain(err error) (found, fix string) {
	var record tls.RecordHeaderError
	switch {
	case errors.As(err, &record) && bytes.HasPrefix(record.RecordHeader[:], []byte("HTTP")):
		return fmt.Sprintf("port %d speaks plain http, not TLS",
			l.httpsPort), "let the server itself, or the proxy in front, answer TLS there"
	case errors.As(err, &record):
		return fmt.Sprintf("what answers on port %d is not TLS",
			l.httpsPort), "find out which program listens there: it is not the web server"
	case late(err):
		return fmt.Sprintf("port %d takes connections, and then does not shake hands in time",
			l.httpsPort), "look whether the server is overloaded, or waits for something at each handshake"
	case alerted(err):
		return fmt.Sprintf("the server refuses the handshake for %s: %s", l.host,
				part(err.Error())), "look into its log; most often it has no certificate for this name yet: for a site of this " +
				"project, the name belongs into DOMAINS"
	case errors.Is(err, io.EOF):
		return "the server hangs up during the handshake", "look into its log; a firewall on the way can do this too"
	}
	return "the handshake fails: " + part(err.Error()), "look into the server's log"
}

// alerted reports whether the other side ended a handshake with an alert, for which crypto/tls has no type.
func alerted(err error) bool { return strings.Contains(err.Error(), "remote error: tls: ") }

// absent returns why the checks after a handshake are skipped.
func (l *look) absent() string {
	switch {
	case len(l.addrs) == 0:
		return "there is no address to connect to"
	case len(l.https) == 0:
		return fmt.Sprintf("port %d cannot be reached", l.httpsPort)
	case l.served == nil:
		return "no handshake succeeds"
	}
	return ""
}

// unheard returns why the checks of plain http are skipped.
func (l *look) unheard() string {
	switch {
	case len(l.addrs) == 0:
		return "there is no address to connect to"
	case l.httpPort == 0:
		return "the port of plain http is not known"
	}
	return fmt.Sprintf("port %d cannot be reached", l.httpPort)
}
