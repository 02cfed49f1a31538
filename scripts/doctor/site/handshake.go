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

// meet shakes hands with the first address that completes a handshake, and keeps its answers for the later groups.
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
			// What follows talks to the one that is known to answer.
			l.https[0], addr = addr, l.https[0]
			for i := range l.https[1:] {
				if l.https[i+1] == l.https[0] {
					l.https[i+1] = addr
				}
			}
			return
		}
		if late(l.shakeErr) {
			return // others may be as slow, and the look is bounded
		}
	}
}

// config offers every version that this program speaks. It verifies nothing: a certificate that does not hold is what
// the look is to explain, and nothing is sent that is not for everybody.
func (l *look) config() *tls.Config {
	c := &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS10, NextProtos: []string{"h2", "http/1.1"}}
	if !l.addr.IsValid() {
		c.ServerName = l.host
	}
	return c
}

// shake shakes hands with addr and hangs up. Change, if any, makes the offer another one.
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

// explain is a failed handshake in words, with what to do.
func (l *look) explain(err error) (found, fix string) {
	var record tls.RecordHeaderError
	switch {
	case errors.As(err, &record) && bytes.HasPrefix(record.RecordHeader[:], []byte("HTTP")):
		return fmt.Sprintf("port %d speaks plain http, not TLS", l.httpsPort), "let the server itself, or the proxy in front, answer TLS there"
	case errors.As(err, &record):
		return fmt.Sprintf("what answers on port %d is not TLS", l.httpsPort), "find out which program listens there: it is not the web server"
	case late(err):
		return fmt.Sprintf("port %d takes connections, and then does not shake hands in time", l.httpsPort), "look whether the server is overloaded, or waits for something at each handshake"
	case alerted(err):
		return fmt.Sprintf("the server refuses the handshake for %s: %s", l.host, part(err.Error())), "look into its log; most often it has no certificate for this name yet: for a site of this project, the name belongs into DOMAINS"
	case errors.Is(err, io.EOF):
		return "the server hangs up during the handshake", "look into its log; a firewall on the way can do this too"
	}
	return "the handshake fails: " + part(err.Error()), "look into the server's log"
}

// alerted reports whether the other side ended a handshake with an alert, for which crypto/tls has no type.
func alerted(err error) bool { return strings.Contains(err.Error(), "remote error: tls: ") }

// absent is why nothing can be said of what comes after a handshake.
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

// unheard is why nothing can be said of plain http.
func (l *look) unheard() string {
	switch {
	case len(l.addrs) == 0:
		return "there is no address to connect to"
	case l.httpPort == 0:
		return "the port of plain http is not known"
	}
	return fmt.Sprintf("port %d cannot be reached", l.httpPort)
}
