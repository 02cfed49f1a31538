package command

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"example.com/turnkey/app/internal/ports"
)

// healthcheck asks the server that runs with the same settings on this machine for /readyz. It is for containers whose
// image has no curl.
func healthcheck(ctx context.Context, l loaded) error {
	if len(l.faults) > 0 {
		return l.faults
	}
	scheme, addr := "https", l.ports.HTTPS.Addr
	if l.ports.HTTP.Addr != "" { // the probes are answered on both ports, and this one needs no handshake
		scheme, addr = "http", l.ports.HTTP.Addr
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return err
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, scheme+"://"+net.JoinHostPort(host, port)+"/readyz", nil)
	if err != nil {
		return err
	}
	transport := &http.Transport{
		// The question is whether the process on this machine answers, not whether its certificate is valid.
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true, ServerName: serverName(l.hosts)},
		DialContext:     l.dial,
	}
	if scheme == "https" && l.settings.ClientCAFile != "" {
		// The server asks for a client certificate, which this command does not have: it only tries the handshake.
		conn, err := l.dial(ctx, "tcp", net.JoinHostPort(host, port))
		if err == nil {
			defer conn.Close()
			err = tls.Client(conn, transport.TLSClientConfig).HandshakeContext(ctx)
		}
		if err != nil {
			return fmt.Errorf("not healthy: %w", err)
		}
		return nil
	}
	resp, err := (&http.Client{Transport: transport}).Do(req)
	if err != nil {
		return fmt.Errorf("not healthy: %w", err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("not healthy: %s answered %s", req.URL, resp.Status)
	}
	return nil
}

// dial connects to the server as the health check of a balancer does.
func (l loaded) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, network, addr)
	if err != nil || !l.settings.ProxyProtocol {
		return conn, err
	}
	return conn, ports.SendLocal(conn, l.settings.TrustedProxies)
}

// serverName returns a host for the SNI: one that the server has a certificate for, and no wildcard. It returns "" if
// none is known. For an address crypto/tls sends no SNI, as browsers do.
func serverName(hosts []string) string {
	for _, h := range hosts {
		if !strings.HasPrefix(h, "*.") {
			return h
		}
	}
	return ""
}
